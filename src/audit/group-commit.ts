import { SallyportError } from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { ChainFile, Synced, Unwritten } from './chain-file.ts'
import { type Heads, maxHeadLag, type SignedHead } from './heads.ts'
import { sealBody, type Tip } from './lines.ts'
import { type Asker, type Handed, Waiting } from './waiting.ts'

/** How much may be written that the disk has not taken; beyond it nothing is recorded, so nothing is done. */
const maxUnsynced = 64 * 1024 * 1024
/** How many outcomes wait while nothing can be written; what is beyond is counted and said. */
const maxKept = 20_000
const retryMs = 250
/** After so many lines in one write it is asked again whether a head is due. */
const maxBatch = 512

export interface GroupCommitDeps {
  readonly file: ChainFile
  readonly chain: string
  readonly segmentBytes: number
  readonly syncWithinMs: number
  readonly heads: Heads
  readonly headEveryMs: number
  readonly nowMs: () => number
  readonly log: Log
}

interface Entry extends Unwritten, Asker {
  /** `outcome` survives a failed write; `head` is a signed line. */
  readonly role: 'line' | 'outcome' | 'head'
}

/**
 * The one writer of a chain. Lines get number and hash when they are written, in one write(2) for all that wait;
 * concurrent waits for the disk share one fdatasync(2). After a failure nothing is taken until a new segment,
 * begun with what the disk may have lost, is on the disk.
 */
export class GroupCommit {
  readonly #deps: GroupCommitDeps
  readonly #file: ChainFile
  #state: 'open' | 'failed' | 'closed' = 'open'
  #pending: Entry[] = []
  readonly #waiting = new Waiting()
  #lost = 0
  #retryAtMs = 0
  #soon: NodeJS.Immediate | undefined
  #syncTimer: NodeJS.Timeout | undefined
  #headTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps
    this.#file = deps.file
  }

  get tip(): Tip {
    return this.#file.tip
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
    return this.#file.tip.n
  }

  /** Write a line with this tick's others; `handed` is told once the kernel has it. @throws record_unavailable */
  handSoon(body: string, atMs: number, handed: Handed): void {
    this.#demandOpen()
    this.#pending.push({ body, atMs, role: 'line', handed })
    this.#flushSoon()
  }

  /** Write a line with this tick's others; resolves when the disk has it. @throws record_unavailable */
  commit(body: string, atMs: number, role: 'line' | 'head' = 'line'): Promise<number> {
    this.#demandOpen()
    return new Promise((resolve, reject) => {
      this.#pending.push({ body, atMs, role, waiter: { resolve, reject } })
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
      this.#waiting.written(this.#file.tip.n, { waiter: { resolve: () => resolve(), reject } })
      this.#startSync()
    })
  }

  /** Take nothing more. Does not wait: drain first. */
  close(): void {
    this.#state = 'closed'
    this.#refuseWaiting()
    this.#file.retire()
    clearTimeout(this.#headTimer)
    clearTimeout(this.#retryTimer)
  }

  #demandOpen(): void {
    if (this.#state === 'failed' && this.#deps.nowMs() >= this.#retryAtMs) this.#recover()
    if (this.#state !== 'open' || this.#file.unsynced > maxUnsynced)
      throw new SallyportError('record_unavailable')
  }

  #flushSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined
      try {
        if (this.#state === 'open') this.#flush()
      } catch {
        // Who waited for it has been told.
      }
      this.#waiting.tellHanded()
      if (this.#state !== 'open') return
      if (this.#waiting.forDisk) this.#startSync()
      else this.#syncLater()
    })
  }

  #flush(): void {
    try {
      while (this.#pending.length > maxBatch) this.#writeBatch(this.#pending.slice(0, maxBatch))
      if (this.#pending.length > 0) this.#writeBatch(this.#pending)
    } catch (error) {
      this.#fail(error)
      throw new SallyportError('record_unavailable', {}, error)
    }
  }

  #writeBatch(entries: Entry[]): void {
    if (entries[0]?.role !== 'head') this.#headIfDue(entries[0]?.atMs ?? this.#deps.nowMs())
    if (this.#file.size >= this.#deps.segmentBytes) this.#rotate()
    this.#write(entries)
    this.#pending = entries === this.#pending ? [] : this.#pending.slice(entries.length)
  }

  #write(entries: readonly Entry[]): void {
    let { n } = this.#file.tip
    this.#file.write(entries)
    for (const entry of entries) this.#waiting.written((n += 1), entry)
    const last = entries.at(-1)
    if (last?.role === 'head') this.#deps.heads.wroteHead(this.#file.tip)
    else if (last !== undefined) this.#wroteLine(last.atMs)
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
    if (!this.#deps.heads.due(this.#file.tip.n, atMs)) return
    const head = this.#deps.heads.sign('head', this.#file.tip)
    if (head instanceof Promise) void head.then((signed) => this.#followHead(signed))
    else if (head !== undefined) this.#write([{ body: head.body, atMs: head.atMs, role: 'head' }])
  }

  /** A head that took its time, and that the verifier will still know the line of. */
  #followHead(head: SignedHead | undefined): void {
    if (head === undefined || this.#state !== 'open' || this.#file.tip.n - head.of > maxHeadLag / 2) return
    this.follow(head.body, head.atMs, 'head')
  }

  #syncLater(): void {
    if (this.#syncTimer !== undefined || this.#file.syncing || this.#file.unsynced === 0) return
    this.#syncTimer = setTimeout(() => this.#startSync(), Math.max(0, this.#deps.syncWithinMs - 1))
  }

  #startSync(): void {
    clearTimeout(this.#syncTimer)
    this.#syncTimer = undefined
    if (this.#file.syncing || this.#state !== 'open') return
    this.#file.sync((upTo, error) => {
      if (this.#state !== 'open') return
      if (error !== null) {
        this.#fail(error)
        return
      }
      this.#onDisk(upTo)
      if (this.#waiting.forDisk) this.#startSync()
      else this.#syncLater()
    })
  }

  #onDisk(upTo: Synced): void {
    this.#file.synced(upTo)
    this.#deps.heads.synced(upTo.n)
    this.#waiting.onDisk(upTo.n)
  }

  /** The segment is full: seal it and go on in the next. Holds the event loop for a few milliseconds. */
  #rotate(): void {
    this.#write([
      { body: sealBody(this.#deps.chain, this.#file.number), atMs: this.#deps.nowMs(), role: 'line' },
    ])
    this.#onDisk(this.#file.syncNow())
    this.#openNext('full')
  }

  #openNext(reason: 'full' | 'write_failed'): void {
    const atMs = this.#deps.nowMs()
    this.#onDisk(this.#file.next(reason, this.#lost, atMs))
    this.#lost = 0
    this.#wroteLine(atMs)
  }

  #fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#deps.log.error('record_write_failed', { chain: this.#deps.chain, line: this.#file.tip.n }, error)
    this.#file.undo()
    this.#refuseWaiting()
    this.#retryLater()
  }

  #refuseWaiting(): void {
    clearTimeout(this.#syncTimer)
    this.#syncTimer = undefined
    const unwritten = this.#pending
    this.#pending = unwritten.filter(({ role }) => role === 'outcome')
    this.#waiting.refuse(unwritten)
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
    this.#deps.log.info('record_works_again', { chain: this.#deps.chain, line: this.#file.tip.n })
    this.#flushSoon()
  }
}
