import type { Seconds } from '../model/index.ts'
import { readFirst } from './read.ts'
import { retentionBody, type Through } from './lines.ts'
import type { RecordFs } from './record-fs.ts'
import { readEnd } from './recover.ts'
import { listSegments, type SegmentFile } from './segments.ts'

export interface RetentionDeps {
  readonly fs: RecordFs
  readonly directory: string
  /** The chain that is being written: its newest segment is never touched. */
  readonly chain: string
  readonly retention: Seconds
  readonly nowMs: () => number
  /** Write and sync a line of the running chain. */
  readonly commit: (body: string, atMs: number) => Promise<number>
}

/**
 * Delete whole segments whose last line is older than `retention`, oldest first and without gaps. The line that
 * explains it is on the disk before the first file goes. Returns how many were deleted.
 */
export async function sweep(deps: RetentionDeps): Promise<number> {
  const segments = listSegments(deps.directory)
  const old = expired(segments, deps)
  const last = old.at(-1)
  if (last === undefined) return 0
  const through = await endOf(last, segments[old.length])
  if (through === undefined) return 0
  await deps.commit(
    retentionBody(
      through,
      old.slice(-100).map(({ file }) => file),
    ),
    deps.nowMs(),
  )
  for (const { path } of old) deps.fs.unlink(path)
  deps.fs.syncDirectory(deps.directory)
  return old.length
}

function expired(segments: readonly SegmentFile[], deps: RetentionDeps): readonly SegmentFile[] {
  const newest = segments.findLast(({ chain }) => chain === deps.chain)
  const before = deps.nowMs() - deps.retention * 1000
  const kept = segments.findIndex((segment) => {
    if (segment === newest || segment.chain > deps.chain) return true
    const end = readEnd(segment.path)
    return end === undefined || Date.parse(end.at) >= before
  })
  return kept === -1 ? [] : segments.slice(0, kept)
}

/** Where the deleted part ends: within a chain, the next segment's first line says it. */
async function endOf(last: SegmentFile, next: SegmentFile | undefined): Promise<Through | undefined> {
  if (next?.chain === last.chain) {
    const first = await readFirst(next.path)
    return first === undefined ? undefined : { chain: last.chain, n: first.n - 1, hash: first.prev }
  }
  const end = readEnd(last.path)
  return end === undefined ? undefined : { chain: last.chain, n: end.n, hash: end.hash }
}
