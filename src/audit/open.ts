import { mkdirSync } from 'node:fs'
import { type Clock, SallyportError, type Seconds, type Secret } from '../model/index.ts'
import type { Anchors } from '../storage/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { OpenAudit } from './audit.ts'
import { ChainFile } from './chain-file.ts'
import { createFingerprint } from './fingerprint.ts'
import { GroupCommit } from './group-commit.ts'
import { Heads } from './heads.ts'
import { bareKey, type PublicKeyJwk, type Sign, thumbprint } from './keys.ts'
import { genesisBody, hashLine, makeLine, noHash, type Previous, type Tip } from './lines.ts'
import { nodeFs, type RecordFs } from './record-fs.ts'
import { findPrevious } from './recover.ts'
import { type RetentionDeps, sweep } from './retention.ts'
import {
  chainName,
  createSegment,
  listSegments,
  ordinalOf,
  removeUnfinished,
  segmentPath,
} from './segments.ts'
import { createWriter } from './writer.ts'

export interface AuditOptions {
  /** Where records lie: `<data>/records`. Made if absent, for its owner only. */
  readonly directory: string
  readonly reads: 'handed' | 'synced'
  /** How old a segment's last line may grow before the segment is deleted; absent: kept for ever. */
  readonly retention?: Seconds
  /** Default 64 MiB. */
  readonly segmentBytes?: number
  /** The longest that a handed line waits for its fdatasync(2) to begin; default 5. */
  readonly syncWithinMs?: number
  /** When a signed head is due; default 1024 lines or 1 second. */
  readonly heads?: { readonly lines: number; readonly seconds: number }
  /** How often at most a head goes to `anchors`; default 10 seconds. */
  readonly anchorEverySeconds?: number
}

export interface AuditDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Wall time in milliseconds since the epoch. */
  readonly nowMs: () => number
  readonly random: (bytes: number) => Uint8Array
  /** The persistent Ed25519 key and its public half. */
  readonly sign: Sign
  readonly publicKey: PublicKeyJwk
  readonly fingerprintKey: Secret<Uint8Array>
  readonly anchors?: Anchors
  readonly log: Log
  readonly fs?: RecordFs
}

const sweepEveryMs = 3_600_000

/**
 * Begin the chain of this process, which names how the one before ended. Two processes must not share a
 * directory; the lock of the data folder sees to that.
 * @throws record_unavailable if the genesis cannot be written
 */
export async function openAudit(options: AuditOptions, deps: AuditDeps): Promise<OpenAudit> {
  const { commit, heads, chain } = await beginChain(options, deps)
  const { retention, directory } = options
  const fs = deps.fs ?? nodeFs
  const stopSweeping =
    retention === undefined
      ? () => undefined
      : keepSwept(
          {
            fs,
            directory,
            chain,
            retention,
            nowMs: deps.nowMs,
            commit: (body, atMs) => commit.commit(body, atMs),
          },
          deps.log,
        )
  let closing: Promise<void> | undefined
  const isClosing = () => closing !== undefined
  return {
    chain,
    get working() {
      return commit.working
    },
    ...createWriter({ chain, commit, isClosing, syncedReads: options.reads === 'synced' }, deps),
    fingerprint: createFingerprint(deps.fingerprintKey),
    close: () => {
      stopSweeping()
      closing ??= endChain(commit, heads).catch((error: unknown) =>
        deps.log.error('record_not_closed', { chain }, error),
      )
      return closing
    },
  }
}

async function beginChain(
  options: AuditOptions,
  deps: AuditDeps,
): Promise<{ commit: GroupCommit; heads: Heads; chain: string }> {
  const {
    directory,
    segmentBytes = 64 * 1024 * 1024,
    syncWithinMs = 5,
    heads: interval = defaultHeads,
  } = options
  const fs = deps.fs ?? nodeFs
  const iso = isoClock()
  const key = bareKey(deps.publicKey)
  const { chain, previous } = await nextChain(directory, fs, deps)
  const identity = { chain, heads: interval, key, thumbprint: thumbprint(key) }
  const { nowMs, log, sign, anchors } = deps
  const anchorEveryMs = (options.anchorEverySeconds ?? 10) * 1000
  const heads = new Heads({ ...identity, interval, anchorEveryMs, sign, anchors, nowMs, iso, log })
  const started = iso(nowMs())
  const genesis = makeLine(0, started, noHash, genesisBody({ ...identity, started, previous }))
  const head = await heads.sign('head', { n: 0, hash: hashLine(genesis) })
  if (head === undefined) throw new SallyportError('record_unavailable')
  const second = makeLine(1, iso(head.atMs), hashLine(genesis), head.body)
  const tip: Tip = { n: 1, hash: hashLine(second) }
  const first = Buffer.from(`${genesis}\n${second}\n`)
  const fd = orUnavailable(() => createSegment(fs, directory, segmentPath(directory, chain, 1), first))
  heads.wroteHead(tip)
  await heads.anchor(tip, false)
  const file = new ChainFile({ fd, size: first.length, tip }, { fs, directory, identity, iso })
  const headEveryMs = interval.seconds * 1000
  const commit = new GroupCommit({ file, chain, segmentBytes, syncWithinMs, heads, headEveryMs, nowMs, log })
  return { commit, heads, chain }
}

const defaultHeads = { lines: 1024, seconds: 1 }

/** The name of the next chain, and how the last one ended. Anchors know of chains that are gone. */
async function nextChain(
  directory: string,
  fs: RecordFs,
  { anchors, random, log }: AuditDeps,
): Promise<{ chain: string; previous: Previous | null }> {
  const known = (await anchors?.list()) ?? []
  const previous = orUnavailable(() => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    removeUnfinished(directory, fs)
    return findPrevious(listSegments(directory))
  })
  const last = Math.max(ordinalOf(previous?.chain ?? ''), ...known.map(({ chain }) => ordinalOf(chain)))
  const anchor = known.findLast(({ chain }) => chain === previous?.chain)
  if (last !== ordinalOf(previous?.chain ?? '') || (anchor !== undefined && anchor.n > (previous?.n ?? -1))) {
    log.error('record_shorter_than_anchored', { chain: previous?.chain })
  }
  return { chain: chainName(last + 1, random(4)), previous }
}

async function endChain(commit: GroupCommit, heads: Heads): Promise<void> {
  try {
    await commit.drain()
    const head = await heads.sign('close', commit.tip)
    if (head !== undefined) {
      await commit.commit(head.body, head.atMs, 'head')
      await heads.anchor(commit.tip, true)
    }
  } finally {
    heads.stop()
    commit.close()
  }
}

function keepSwept(deps: RetentionDeps, log: Log): () => void {
  const run = () =>
    void sweep(deps).then(
      (deleted) => {
        if (deleted > 0) log.info('record_segments_deleted', { deleted })
      },
      (error: unknown) => log.error('record_retention_failed', {}, error),
    )
  run()
  const timer = setInterval(run, sweepEveryMs).unref()
  return () => clearInterval(timer)
}

function orUnavailable<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw new SallyportError('record_unavailable', {}, error)
  }
}

/** ISO 8601 of wall time; many lines share a millisecond. */
function isoClock(): (ms: number) => string {
  let lastMs = Number.NaN
  let text = ''
  return (ms) => {
    if (ms !== lastMs) {
      text = new Date(ms).toISOString()
      lastMs = ms
    }
    return text
  }
}
