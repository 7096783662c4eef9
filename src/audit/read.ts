import { createReadStream } from 'node:fs'
import { type LineHead, readHead } from './lines.ts'

/** Longer than any line that the writer makes; what is longer is given in pieces, none of which is a line. */
const maxLineBytes = 1024 * 1024

export interface RawLine {
  readonly bytes: Buffer
  /** Whether a newline follows. */
  readonly ended: boolean
}

/**
 * The lines of a file in batches, one per chunk read, in bounded memory. The bytes are only good until the next
 * batch is asked for.
 */
export async function* readLines(
  path: string,
  from = 0,
): AsyncGenerator<readonly RawLine[], void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { start: from, highWaterMark: 512 * 1024 })
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const { lines, used } = split(bytes)
    rest = bytes.subarray(used)
    if (rest.length > maxLineBytes) {
      lines.push({ bytes: rest, ended: false })
      rest = Buffer.alloc(0)
    }
    yield lines
  }
  if (rest.length > 0) yield [{ bytes: rest, ended: false }]
}

function split(bytes: Buffer): { lines: RawLine[]; used: number } {
  const lines: RawLine[] = []
  let used = 0
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, used)) {
    lines.push({ bytes: bytes.subarray(used, end), ended: true })
    used = end + 1
  }
  return { lines, used }
}

/** The beginning of a file's first line; undefined where that is no line. */
export async function readFirst(path: string): Promise<LineHead | undefined> {
  for await (const [first] of readLines(path)) if (first !== undefined) return readHead(first.bytes)
  return undefined
}
