import { parseLine } from './lines.ts'
import { readLines } from './read.ts'
import { listSegments, type SegmentFile } from './segments.ts'

/** Which lines are wanted; every part given must hold. Lines about the record itself only by `kind`. */
export interface RecordFilter {
  /** The principal's subject; with `issuer`, of that issuer only. */
  readonly user?: string
  readonly issuer?: string
  readonly sid?: string
  readonly request?: string
  readonly downstream?: string
  readonly server?: string
  readonly tool?: string
  /** The call's own lines; the outcomes of its requests are found by `request`. */
  readonly call?: string
  readonly kind?: string
  /** Only what passed because its server is observed. */
  readonly observed?: boolean
  /** Wall time in milliseconds since the epoch; `since` is included, `until` is not. */
  readonly since?: number
  readonly until?: number
  /** The first so many. */
  readonly limit?: number
}

/** A line as it was read: its place, its exact text, and what it says. What it says may be anything. */
export interface FoundLine {
  readonly chain: string
  readonly file: string
  readonly text: string
  readonly line: Readonly<Record<string, unknown>>
}

/** Go through a directory's records, oldest first, in bounded memory. Nothing is verified; bad lines are skipped. */
export async function* queryRecords(
  directory: string,
  filter: RecordFilter = {},
): AsyncGenerator<FoundLine, void, undefined> {
  const matches = createMatch(filter)
  let left = filter.limit ?? Number.POSITIVE_INFINITY
  for (const segment of listSegments(directory)) {
    for await (const found of readSegmentLines(segment, matches)) {
      if (left <= 0) return
      left -= 1
      yield found
    }
  }
}

/** The records as they stand, line by line, so that a whole export can be verified by its hashes. */
export async function* exportRecords(
  directory: string,
  options: { readonly format: 'jsonl'; readonly filter?: RecordFilter },
): AsyncGenerator<string, void, undefined> {
  for await (const { text } of queryRecords(directory, options.filter)) yield text
}

export type LineMatch = (line: FoundLine['line']) => boolean

async function* readSegmentLines(
  { chain, file, path }: SegmentFile,
  matches: LineMatch,
): AsyncGenerator<FoundLine> {
  for await (const lines of readLines(path)) {
    for (const { bytes, ended } of lines) {
      const line = ended ? parseLine(bytes) : undefined
      if (line !== undefined && matches(line)) yield { chain, file, text: bytes.toString('utf8'), line }
    }
  }
}

/** The filter as a function. */
export function createMatch(filter: RecordFilter): LineMatch {
  const { since, until } = filter
  const wanted: readonly (readonly [path: readonly string[], value: string])[] = [
    [['who', 'principal', 'subject'], filter.user],
    [['who', 'principal', 'issuer'], filter.issuer],
    [['who', 'sid'], filter.sid],
    [['who', 'server'], filter.server],
    [['request'], filter.request],
    [['downstream'], filter.downstream],
    [['tool'], filter.tool],
    [['call'], filter.call],
    [['kind'], filter.kind],
  ].flatMap(([path, value]) =>
    typeof value === 'string' && Array.isArray(path) ? [[path, value] as const] : [],
  )
  return (line) => {
    for (const [path, value] of wanted) if (valueAt(line, path) !== value) return false
    if (filter.observed === true && line['observed'] === undefined) return false
    if (since === undefined && until === undefined) return true
    const at = Date.parse(String(line['at']))
    return at >= (since ?? Number.NEGATIVE_INFINITY) && at < (until ?? Number.POSITIVE_INFINITY)
  }
}

/** What stands at a path of member names, where it is there. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}
