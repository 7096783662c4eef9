import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { hashLine, hashTorn, type LineHead, parseLine, type Previous, readHead } from './lines.ts'
import type { SegmentFile } from './segments.ts'

const window = 256 * 1024

/** The last whole line of a segment, and what lies behind it. */
export interface SegmentEnd extends LineHead {
  readonly hash: string
  readonly torn?: { readonly bytes: number; readonly hash: string }
}

/**
 * Find the last whole line of a segment without reading all of it. A process killed in the middle of a write leaves
 * part of a line, a power cut may leave more; none of it was acknowledged. Whether whole lines were altered is not
 * asked here: that is `verify`'s work.
 */
export function readEnd(path: string): SegmentEnd | undefined {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    for (let length = Math.min(window, size); ; length = Math.min(length * 4, size)) {
      const bytes = Buffer.alloc(length)
      const taken = readSync(fd, bytes, 0, length, size - length)
      const end = lastLine(bytes.subarray(0, taken), length === size)
      if (end !== undefined || length === size) return end
    }
  } finally {
    closeSync(fd)
  }
}

function lastLine(bytes: Buffer, whole: boolean): SegmentEnd | undefined {
  for (let end = bytes.lastIndexOf(0x0a); end > 0; ) {
    const before = bytes.lastIndexOf(0x0a, end - 1)
    if (before === -1 && !whole) return undefined
    const line = bytes.subarray(before + 1, end)
    const head = readHead(line)
    if (head !== undefined && parseLine(line) !== undefined) {
      const rest = bytes.subarray(end + 1)
      const torn = { bytes: rest.length, hash: hashTorn([rest]) }
      return { ...head, hash: hashLine(line), ...(rest.length === 0 ? {} : { torn }) }
    }
    if (before === -1) return undefined
    end = before
  }
  return undefined
}

/** How the newest chain in the directory ended, for the genesis of the next one. */
export function findPrevious(segments: readonly SegmentFile[]): Previous | null {
  const newest = segments.at(-1)
  if (newest === undefined) return null
  const end = readEnd(newest.path)
  // A segment appears only with its first line on the disk: without one it was emptied, which `verify` tells.
  if (end === undefined) return { chain: newest.chain, n: -1, hash: hashTorn([]) }
  const { n, hash, torn } = end
  return { chain: newest.chain, n, hash, ...(torn === undefined ? {} : { torn }) }
}
