import type { Anchors } from '../storage/index.ts'
import type { Log } from '../telemetry/index.ts'
import { epoch } from '../model/index.ts'
import type { Sign } from './keys.ts'
import { type HeadInterval, signedBody, type Statement, statementBytes, type Tip } from './lines.ts'

/** A signed line may speak of a line at most so far back; the verifier remembers as many hashes. */
export const maxHeadLag = 1024
/** After a signer failed, how long it is left alone. */
const signerPauseMs = 1000

export interface HeadsDeps {
  readonly chain: string
  readonly thumbprint: string
  readonly interval: HeadInterval
  readonly anchorEveryMs: number
  readonly sign: Sign
  readonly anchors: Anchors | undefined
  readonly nowMs: () => number
  readonly iso: (ms: number) => string
  readonly log: Log
}

/** A signed line's body, to stand at the time it was signed for. */
export interface SignedHead {
  readonly body: string
  readonly atMs: number
  readonly of: number
}

/**
 * When a chain is signed and anchored. A chain without signed heads could be rewritten by anyone who can write
 * its files; an anchor, kept elsewhere, shows when its end is cut off.
 */
export class Heads {
  readonly #deps: HeadsDeps
  #signedN = 0
  #signedOf = 0
  #firstUnsignedMs: number | undefined
  #signing = false
  #pausedUntilMs = 0
  #newest: Tip | undefined
  #syncedN = 0
  #anchored = 0
  #anchoredAtMs = 0
  #anchorTimer: NodeJS.Timeout | undefined
  #anchoring: Promise<void> = Promise.resolve()

  constructor(deps: HeadsDeps) {
    this.#deps = deps
  }

  /** Whether a head should be written before a line of this time. */
  due(n: number, atMs: number): boolean {
    if (this.#firstUnsignedMs === undefined || this.#signing || atMs < this.#pausedUntilMs) return false
    const { lines, seconds } = this.#deps.interval
    return n - this.#signedN >= lines || Math.abs(atMs - this.#firstUnsignedMs) >= seconds * 1000
  }

  get unsigned(): boolean {
    return this.#firstUnsignedMs !== undefined
  }

  /** Sign the chain up to `of`. Undefined if the signer failed: the record goes on, and `verify` tells the gap. */
  sign(kind: Statement['kind'], of: Tip): SignedHead | undefined | Promise<SignedHead | undefined> {
    const atMs = this.#deps.nowMs()
    const { chain, thumbprint } = this.#deps
    const statement: Statement = { kind, chain, of, at: this.#deps.iso(atMs), thumbprint }
    const done = (signature: Uint8Array): SignedHead => ({
      body: signedBody(statement, signature),
      atMs,
      of: of.n,
    })
    try {
      const signature = this.#deps.sign(statementBytes(statement))
      if (signature instanceof Uint8Array) return done(signature)
      this.#signing = true
      return signature
        .then(done, (error: unknown) => {
          this.#failed(error)
          return undefined
        })
        .finally(() => {
          this.#signing = false
        })
    } catch (error) {
      this.#failed(error)
      return undefined
    }
  }

  #failed(error: unknown): void {
    this.#pausedUntilMs = this.#deps.nowMs() + signerPauseMs
    this.#deps.log.error('record_head_not_signed', { chain: this.#deps.chain }, error)
  }

  /** An ordinary line was written. */
  wroteLine(atMs: number): void {
    this.#firstUnsignedMs ??= atMs
  }

  /** A signed line was written. Where the signer took its time, the lines since then are not signed yet. */
  wroteHead(tip: Tip): void {
    this.#signedN = tip.n
    this.#firstUnsignedMs = this.#signedOf < tip.n - 1 ? this.#deps.nowMs() : undefined
    this.#newest = tip
  }

  /** The disk has everything up to line `n`: only now may it be anchored. */
  synced(n: number): void {
    const head = this.#newest
    this.#syncedN = n
    if (this.#deps.anchors === undefined || this.#anchorTimer !== undefined) return
    if (head === undefined || head.n > n || head.n <= this.#anchored) return
    const wait = this.#anchoredAtMs + this.#deps.anchorEveryMs - this.#deps.nowMs()
    if (wait <= 0 || wait > this.#deps.anchorEveryMs) {
      void this.anchor(head, false)
      return
    }
    this.#anchorTimer = setTimeout(() => {
      this.#anchorTimer = undefined
      this.synced(this.#syncedN)
    }, wait).unref()
  }

  /** Put an anchor, one after the other. A failure is logged: the next head makes it good. */
  anchor(tip: Tip, closed: boolean): Promise<void> {
    const { anchors, chain, thumbprint, nowMs, log } = this.#deps
    if (anchors === undefined) return Promise.resolve()
    const before = this.#anchored
    this.#anchored = tip.n
    this.#anchoredAtMs = nowMs()
    const anchor = { chain, n: tip.n, hash: tip.hash, at: epoch(nowMs() / 1000), key: thumbprint, closed }
    this.#anchoring = this.#anchoring
      .then(() => anchors.put(anchor))
      .catch((error: unknown) => {
        this.#anchored = Math.min(this.#anchored, before)
        log.error('record_anchor_failed', { chain }, error)
      })
    return this.#anchoring
  }

  stop(): void {
    clearTimeout(this.#anchorTimer)
    this.#anchorTimer = undefined
  }
}
