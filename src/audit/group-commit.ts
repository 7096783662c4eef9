import { SallyportError } from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import { type Heads, maxHeadLag, type SignedHead } from './heads.ts'
import { LineBuffer } from './line-buffer.ts'
import { hashLine, makeLine, sealBody, segmentBody, type Tip } from './lines.ts'
import type { RecordFs } from './record-fs.ts'
import { createSegment, giveUp, segmentPath } from './segments.ts'

/** How much may be written that the disk has not taken; beyond it nothing is recorded, so nothing is done. */
const maxUnsynced = 64 * 1024 * 1024
/** How many outcomes wait while nothing can be written; what is beyond is counted and said. */
const maxKept = 20_000
const retryMs = 250

export interface Segment {
  readonly fd: number
  readonly number: number
  size: number
  syncing: boolean
  retired: boolean
}

export interface GroupCommitDeps {
  readonly fs: RecordFs
  readonly directory: string
  readonly chain: string
  readonly segmentBytes: number
  readonly syncWithinMs: number
  /** What every segment says about the chain's key and heads. */
  readonly identity: Omit<Parameters<typeof segmentBody>[0], 'segment' | 'reason' | 'lost'>
  readonly heads: Heads
  readonly headEveryMs: number
  readonly nowMs: () => number
  readonly iso: (ms: number) => string
  readonly log: Log
}

interface Waiter {
  n: number
  readonly resolve: (n: number) => void
  readonly reject: (error: unknown) => void
}

interface Entry {
  readonly body: string
  readonly atMs: number
  /** `outcome` survives a failed write; `head` is a signed line. */
  readonly role: 'line' | 'outcome' | 'head'
  readonly waiter?: Waiter
}

/**
 * The one writer of a chain. Lines get number and hash when they are written, in one write(2) for all that wait;
 * concurrent waits for the disk share one fdatasync(2). After a failure nothing is taken until a new segment,
 * begun with what the disk may have lost, is on the disk.
 */
export class GroupCommit {
  readonly #deps: GroupCommitDeps
  readonly #buffer = new LineBuffer()
  #segment: Segment
  #tip: Tip
  #state: 'open' | 'failed' | 'closed' = 'open'
  #pending: Entry[] = []
  #waiters: Waiter[] = []
  #lost = 0
  #retryAtMs = 0
  #soon: NodeJS.Immediate | undefined
  #syncTimer: NodeJS.Timeout | undefined
  #headTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined

  constructor(start: { segment: Segment; tip: Tip }, deps: GroupCommitDeps) {
    this.#segment = start.segment
    this.#tip = start.tip
    this.#deps = deps
  }

  get tip(): Tip {
    return this.#tip
  }

  get working(): boolean {
    return this.#state === 'open'
  }

  /** Write a line now; it is with the kernel when this returns its number. @throws record_unavailable */
  hand(body: string, atMs: number): number {
    this.#demandOpen()
    this.#pending.push({ body, atMs, role: 'line' })
    this.#flush()
    this.#syncLater()
    return this.#tip.n
  }

  /** Write a line with this tick's others; resolves when the disk has it. @throws record_unavailable */
  commit(body: string, atMs: number, role: 'line' | 'head' = 'line'): Promise<number> {
    this.#demandOpen()
    return new Promise((resolve, reject) => {
      this.#pending.push({ body, atMs, role, waiter: { n: 0, resolve, reject } })
      this.#flushSoon()
    })
  }

  /** Write a line with this tick's others, or, if nothing can be written now, when that is possible again. */
  follow(body: string, atMs: number, role: 'outcome' | 'head' = 'outcome'): void {
    if (this.#state === 'closed') return
    if (this.#pending.length >= maxKept) this.#lost += 1
    else this.#pending.push({ body, atMs, role })
    if (this.#state === 'open') this.#flushSoon()
  }

  /** Write and sync all that was taken. @throws record_unavailable */
  drain(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#demandOpen()
      this.#flush()
      this.#waiters.push({ n: this.#tip.n, resolve: () => resolve(), reject })
      this.#startSync()
    })
  }

  /** Take nothing more. Does not wait: drain first. */
  close(): void {
    this.#state = 'closed'
    this.#refuseWaiting()
    this.#retire(this.#segment)
    clearTimeout(this.#headTimer)
    clearTimeout(this.#retryTimer)
  }

  #demandOpen(): void {
    if (this.#state === 'failed' && this.#deps.nowMs() >= this.#retryAtMs) this.#recover()
    if (this.#state !== 'open' || this.#buffer.unsynced > maxUnsynced)
      throw new SallyportError('record_unavailable')
  }

  #flushSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined
      if (this.#state !== 'open') return
      try {
        this.#flush()
      } catch {
        return
      }
      if (this.#waiters.length > 0) this.#startSync()
      else this.#syncLater()
    })
  }

  #flush(): void {
    const first = this.#pending[0]
    if (first === undefined) return
    try {
      if (this.#segment.size >= this.#deps.segmentBytes) this.#rotate()
      if (first.role !== 'head') this.#headIfDue(first.atMs)
      this.#write(this.#pending)
      this.#pending = []
    } catch (error) {
      this.#fail(error)
      throw new SallyportError('record_unavailable', {}, error)
    }
  }

  #write(entries: readonly Entry[]): void {
    let { n, hash } = this.#tip
    let head: Tip | undefined
    for (const entry of entries) {
      n += 1
      const line = makeLine(n, this.#deps.iso(entry.atMs), hash, entry.body)
      hash = hashLine(line)
      this.#buffer.add(line)
      if (entry.role === 'head') head = { n, hash }
    }
    this.#segment.size += this.#buffer.writeOut((bytes, at, length) =>
      this.#deps.fs.write(this.#segment.fd, bytes, at, length),
    )
    const before = this.#tip.n
    this.#tip = { n, hash }
    for (const [index, { waiter }] of entries.entries()) {
      if (waiter === undefined) continue
      waiter.n = before + 1 + index
      this.#waiters.push(waiter)
    }
    if (head !== undefined) this.#deps.heads.wroteHead(head)
    const last = entries.at(-1)
    if (last !== undefined && last.role !== 'head') this.#wroteLine(last.atMs)
  }

  #wroteLine(atMs: number): void {
    this.#deps.heads.wroteLine(atMs)
    this.#headTimer ??= setTimeout(() => {
      this.#headTimer = undefined
      if (this.#state === 'open') this.#beat()
    }, this.#deps.headEveryMs).unref()
  }

  #beat(): void {
    try {
      this.#headIfDue(this.#deps.nowMs())
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#syncLater()
    if (this.#deps.heads.unsigned) this.#wroteLine(this.#deps.nowMs())
  }

  #headIfDue(atMs: number): void {
    if (!this.#deps.heads.due(this.#tip.n, atMs)) return
    const head = this.#deps.heads.sign('head', this.#tip)
    if (head instanceof Promise) void head.then((signed) => this.#followHead(signed))
    else if (head !== undefined) this.#write([{ body: head.body, atMs: head.atMs, role: 'head' }])
  }

  /** A head that took its time, and that the verifier will still know the line of. */
  #followHead(head: SignedHead | undefined): void {
    if (head === undefined || this.#state !== 'open' || this.#tip.n - head.of > maxHeadLag / 2) return
    this.follow(head.body, head.atMs, 'head')
  }

  #syncLater(): void {
    if (this.#syncTimer !== undefined || this.#segment.syncing || this.#buffer.unsynced === 0) return
    this.#syncTimer = setTimeout(() => this.#startSync(), Math.max(0, this.#deps.syncWithinMs - 1))
  }

  #startSync(): void {
    clearTimeout(this.#syncTimer)
    this.#syncTimer = undefined
    const segment = this.#segment
    if (segment.syncing || this.#state !== 'open') return
    const { n } = this.#tip
    const mark = this.#buffer.mark()
    if (this.#buffer.unsynced === 0) {
      this.#onDisk(n, mark)
      return
    }
    segment.syncing = true
    this.#deps.fs.sync(segment.fd, (error) => this.#syncEnded(segment, { n, mark }, error))
  }

  #syncEnded(segment: Segment, upTo: { n: number; mark: number }, error: Error | null): void {
    segment.syncing = false
    if (segment.retired) giveUp(() => this.#deps.fs.close(segment.fd))
    if (segment.retired || this.#state !== 'open') return
    if (error !== null) {
      this.#fail(error)
      return
    }
    this.#onDisk(upTo.n, upTo.mark)
    if (this.#waiters.length > 0) this.#startSync()
    else this.#syncLater()
  }

  #onDisk(n: number, mark: number): void {
    this.#buffer.synced(mark)
    this.#deps.heads.synced(n)
    const waiters = this.#waiters
    this.#waiters = waiters.filter((waiter) => waiter.n > n)
    for (const waiter of waiters) if (waiter.n <= n) waiter.resolve(waiter.n)
  }

  /** The segment is full: seal it and go on in the next. Holds the event loop for a few milliseconds. */
  #rotate(): void {
    const { fs, chain, nowMs } = this.#deps
    const atMs = nowMs()
    this.#write([{ body: sealBody(chain, this.#segment.number), atMs, role: 'line' }])
    fs.syncNow(this.#segment.fd)
    this.#onDisk(this.#tip.n, this.#buffer.mark())
    this.#openNext('full')
  }

  #openNext(reason: 'full' | 'write_failed'): void {
    const { fs, directory, chain, identity, nowMs, iso } = this.#deps
    const number = this.#segment.number + 1
    const atMs = nowMs()
    const n = this.#tip.n + 1
    const body = segmentBody({ ...identity, segment: number, reason, lost: this.#lost })
    const line = makeLine(n, iso(atMs), this.#tip.hash, body)
    const bytes = Buffer.concat([this.#buffer.unsyncedBytes(), Buffer.from(`${line}\n`)])
    const fd = createSegment(fs, directory, segmentPath(directory, chain, number), bytes)
    const old = this.#segment
    if (reason === 'write_failed') giveUp(() => fs.truncate(old.fd, old.size - this.#buffer.unsynced))
    this.#retire(old)
    this.#segment = { fd, number, size: bytes.length, syncing: false, retired: false }
    this.#tip = { n, hash: hashLine(line) }
    this.#lost = 0
    this.#onDisk(n, this.#buffer.mark())
    this.#wroteLine(atMs)
  }

  #fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#deps.log.error('record_write_failed', { chain: this.#deps.chain, line: this.#tip.n }, error)
    this.#buffer.discard()
    giveUp(() => this.#deps.fs.truncate(this.#segment.fd, this.#segment.size))
    this.#refuseWaiting()
    this.#retryLater()
  }

  #refuseWaiting(): void {
    clearTimeout(this.#syncTimer)
    this.#syncTimer = undefined
    const refused = [...this.#waiters, ...this.#pending.flatMap(({ waiter }) => waiter ?? [])]
    this.#waiters = []
    this.#pending = this.#pending.filter(({ role }) => role === 'outcome')
    for (const waiter of refused) waiter.reject(new SallyportError('record_unavailable'))
  }

  #retryLater(): void {
    this.#retryAtMs = this.#deps.nowMs() + retryMs
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(() => this.#recover(), retryMs).unref()
  }

  #recover(): void {
    if (this.#state !== 'failed') return
    try {
      this.#openNext('write_failed')
    } catch (error) {
      this.#deps.log.warn('record_still_unavailable', { chain: this.#deps.chain }, error)
      this.#retryLater()
      return
    }
    clearTimeout(this.#retryTimer)
    this.#state = 'open'
    this.#deps.log.info('record_works_again', { chain: this.#deps.chain, line: this.#tip.n })
    this.#flushSoon()
  }

  /** Close a segment's file, once no fdatasync(2) is under way on it. */
  #retire(segment: Segment): void {
    segment.retired = true
    if (!segment.syncing) giveUp(() => this.#deps.fs.close(segment.fd))
  }
}
