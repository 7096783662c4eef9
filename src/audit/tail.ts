import { statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { parseLine } from './lines.ts'
import { createMatch, type FoundLine, type RecordFilter } from './query.ts'
import { readLines } from './read.ts'
import { listSegments, type SegmentFile } from './segments.ts'

export interface TailOptions {
  /** How many of the last lines to begin with; default 10. */
  readonly lines?: number
  /** Go on with what is written from now on, over segments and restarts, until `signal` is aborted. */
  readonly follow?: boolean
  readonly filter?: RecordFilter
  readonly signal?: AbortSignal
  /** How often to look for new lines while following; default 200. */
  readonly everyMs?: number
}

/** The last lines of the record, and with `follow` those that come. An aborted `signal` ends it without an error. */
export async function* tailRecords(
  directory: string,
  options: TailOptions = {},
): AsyncGenerator<FoundLine, void, undefined> {
  const { lines = 10, follow = false, signal, everyMs = 200 } = options
  const matches = createMatch(options.filter ?? {})
  const read = new Map<string, number>()
  const last: FoundLine[] = []
  for await (const found of newLines(directory, read)) {
    if (!matches(found.line)) continue
    last.push(found)
    if (last.length > lines) last.shift()
  }
  yield* last
  while (follow && signal?.aborted !== true) {
    for await (const found of newLines(directory, read)) if (matches(found.line)) yield found
    await wait(everyMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
  }
}

/** Whole lines that `read` does not know yet; it holds the bytes read of each file. */
async function* newLines(directory: string, read: Map<string, number>): AsyncGenerator<FoundLine> {
  for (const segment of listSegments(directory)) {
    const from = read.get(segment.file) ?? 0
    const size = statSync(segment.path, { throwIfNoEntry: false })?.size ?? 0
    if (size > from) yield* linesFrom(segment, from, read)
  }
}

async function* linesFrom(
  { chain, file, path }: SegmentFile,
  from: number,
  read: Map<string, number>,
): AsyncGenerator<FoundLine> {
  let at = from
  for await (const lines of readLines(path, from)) {
    for (const { bytes, ended } of lines) {
      if (!ended) continue
      at += bytes.length + 1
      read.set(file, at)
      const line = parseLine(bytes)
      if (line !== undefined) yield { chain, file, text: bytes.toString('utf8'), line }
    }
  }
}
