import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordFs } from './record-fs.ts'

/**
 * File names: `<chain>.<segment>.jsonl`, where a chain is `<ordinal>-<random>`. Ordinals grow by one with every
 * start, so that names sort in order of time even where the clock went back.
 */
const name = /^((\d{8})-[0-9a-f]{8})\.(\d{6})\.jsonl$/
const unfinished = /^\d{8}-[0-9a-f]{8}\.\d{6}\.jsonl\.new$/

export interface SegmentFile {
  readonly chain: string
  readonly ordinal: number
  readonly segment: number
  readonly file: string
  readonly path: string
}

export function chainName(ordinal: number, random: Uint8Array): string {
  return `${String(ordinal).padStart(8, '0')}-${Buffer.from(random.subarray(0, 4)).toString('hex')}`
}

/** The ordinal of a chain by its name; 0 for what is no such name. */
export function ordinalOf(chain: string): number {
  return /^\d{8}-[0-9a-f]{8}$/.test(chain) ? Number(chain.slice(0, 8)) : 0
}

export function segmentPath(directory: string, chain: string, segment: number): string {
  return join(directory, `${chain}.${String(segment).padStart(6, '0')}.jsonl`)
}

/** All segments, oldest first; other files are not looked at. */
export function listSegments(directory: string): readonly SegmentFile[] {
  return readdirSync(directory)
    .map((file) => ({ file, found: name.exec(file) }))
    .filter((entry): entry is { file: string; found: RegExpExecArray } => entry.found !== null)
    .map(({ file, found: [, chain = '', ordinal, segment] }) => ({
      chain,
      ordinal: Number(ordinal),
      segment: Number(segment),
      file,
      path: join(directory, file),
    }))
    .sort((a, b) => (a.file < b.file ? -1 : 1))
}

/** Remove what a crash left of segments that never became part of a chain. */
export function removeUnfinished(directory: string, fs: RecordFs): void {
  for (const file of readdirSync(directory)) if (unfinished.test(file)) fs.unlink(join(directory, file))
}

/**
 * Make a segment that begins with `bytes`. It appears under its name only when these are on the disk, so a segment
 * always has its first line. @throws what the file system throws, and then no segment has appeared
 */
export function createSegment(fs: RecordFs, directory: string, path: string, bytes: Uint8Array): number {
  const early = `${path}.new`
  giveUp(() => fs.unlink(early))
  const fd = fs.create(early)
  try {
    writeAll(fs, fd, bytes)
    fs.syncNow(fd)
    fs.rename(early, path)
    fs.syncDirectory(directory)
    return fd
  } catch (error) {
    giveUp(() => fs.close(fd))
    giveUp(() => fs.unlink(early))
    giveUp(() => fs.unlink(path))
    throw error
  }
}

/** Write all of it, however many calls that takes. */
function writeAll(fs: RecordFs, fd: number, bytes: Uint8Array): void {
  let offset = 0
  while (offset < bytes.length) {
    const taken = fs.write(fd, bytes, offset, bytes.length - offset)
    if (taken <= 0) throw new Error('write took nothing')
    offset += taken
  }
}

/** For cleaning up after a failure that is reported already. */
export function giveUp(action: () => void): void {
  try {
    action()
  } catch {
    // The failure that led here is the one that counts.
  }
}
