import {
  asSallyportError,
  type Clock,
  type Durability,
  type RecordEvent,
  SallyportError,
} from '../model/index.ts'
import type { Audit } from './audit.ts'
import { createEncoder } from './encode.ts'
import type { GroupCommit } from './group-commit.ts'
import { Recorded } from './recorded.ts'

interface WriterSlice {
  readonly chain: string
  readonly commit: GroupCommit
  readonly isClosing: () => boolean
  /** `record.reads: synced`: what asks for the kernel gets the disk. */
  readonly syncedReads: boolean
}

interface WriterDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Wall time in milliseconds since the epoch. */
  readonly nowMs: () => number
}

/** Events to lines, and lines to the chain with the durability that was asked for. */
export function createWriter(
  { chain, commit, isClosing, syncedReads }: WriterSlice,
  { clock, nowMs }: WriterDeps,
): Pick<Audit, 'begin' | 'intend' | 'finish' | 'note'> {
  const encode = createEncoder()
  const gradeOf = (asked: Durability) => (syncedReads && asked === 'handed' ? 'synced' : asked)
  const demand = (asked: Durability) => {
    if (isClosing() || asked === 'acknowledged') throw new SallyportError('record_unavailable')
  }
  const write = (event: RecordEvent, grade: Durability): number | Promise<number> => {
    demand(grade)
    return grade === 'handed' ? commit.hand(encode(event), nowMs()) : commit.commit(encode(event), nowMs())
  }
  return {
    begin: (event, durability) => {
      const grade = gradeOf(durability)
      const startedAt = clock.monotonic()
      const n = write(event, grade)
      return typeof n === 'number'
        ? Recorded.written(chain, n, grade, startedAt)
        : n.then((line) => Recorded.written(chain, line, grade, startedAt))
    },
    intend: (event, durability, then) => {
      const grade = gradeOf(durability)
      const startedAt = clock.monotonic()
      const told = (result: number | SallyportError) =>
        then(typeof result === 'number' ? Recorded.written(chain, result, grade, startedAt) : result)
      const failed = (error: unknown) => told(asSallyportError(error))
      try {
        demand(grade)
        if (grade === 'handed') commit.handSoon(encode(event), nowMs(), told)
        else commit.commit(encode(event), nowMs()).then(told, failed)
      } catch (error) {
        failed(error)
      }
    },
    finish: (recorded, outcome) => {
      if (isClosing()) return
      const spent = outcome.durationMs ?? Math.round((clock.monotonic() - recorded.startedAt) * 1000) / 1000
      const event = outcome.durationMs === undefined ? { ...outcome, durationMs: spent } : outcome
      commit.follow(`${encode(event)},"of":${recorded.n}`, nowMs())
    },
    note: async (event, durability = 'synced') => {
      await write(event, durability)
    },
  }
}
