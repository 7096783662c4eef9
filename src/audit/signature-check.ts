import type { KeyObject } from 'node:crypto'
import { maxHeadLag } from './heads.ts'
import { importKey, signatureHolds } from './keys.ts'
import { type LineHead, makeLine, signedBody, type Statement, statementBytes, type Tip } from './lines.ts'
import type { Place } from './line-order.ts'
import { type Introduction, readSigned } from './read-control.ts'
import type { Findings } from './report.ts'

/** Beyond the interval that the chain promises: a slow signer, and a process that was stopped for a while. */
const slackMs = 10_000

/** Which keys may sign this chain; both absent: whatever key the chain itself names. */
export interface KeyPolicy {
  readonly trusted: ReadonlyMap<string, KeyObject> | undefined
  readonly anchored: string | undefined
}

/** Checks the signed lines of one chain, and that no stretch of it lacks them. */
export class SignatureCheck {
  readonly #chain: string
  readonly #policy: KeyPolicy
  readonly #findings: Findings
  #key: { readonly thumbprint: string; readonly key: KeyObject } | undefined
  #interval = { lines: 1024, seconds: 1 }
  readonly #hashes: Tip[] = []
  #unsignedFrom: { readonly n: number; readonly atMs: number } | undefined
  #told = false

  constructor(chain: string, policy: KeyPolicy, findings: Findings) {
    this.#chain = chain
    this.#policy = policy
    this.#findings = findings
  }

  get thumbprint(): string {
    return this.#key?.thumbprint ?? ''
  }

  /** Number of the first line that no signature covers. */
  get unsignedFrom(): number | undefined {
    return this.#unsignedFrom?.n
  }

  /** The chain names its key; every segment must name the same. */
  introduce(said: Introduction, place: Place): void {
    const known = importKey(said.key)
    if (known === undefined || known.thumbprint !== said.thumbprint) {
      this.#findings.problem(
        place,
        'tampered-line',
        'The key that the chain names is not the one of its thumbprint.',
      )
      return
    }
    const { trusted, anchored } = this.#policy
    const another = this.#key !== undefined && this.#key.thumbprint !== known.thumbprint
    if (
      another ||
      trusted?.has(known.thumbprint) === false ||
      (anchored ?? known.thumbprint) !== known.thumbprint
    ) {
      this.#findings.problem(
        place,
        'unknown-key',
        `The chain names the key ${known.thumbprint}, which is not trusted for it.`,
      )
      return
    }
    this.#key = known
    this.#interval = said.heads
  }

  /** Check a `head` or `close` line. Every byte of it is either signed or follows from what is. */
  check(
    bytes: Buffer,
    line: LineHead,
    at: {
      readonly place: Place
      readonly before: Tip & { readonly start: { n: number; prev: string } | undefined }
    },
  ): boolean {
    const signed = readSigned(bytes)
    if (signed === undefined || signed.chain !== this.#chain) {
      return this.#bad(at.place, 'tampered-line', 'The signed line does not belong to this chain.')
    }
    const { of, thumbprint } = signed
    const kind = line.kind === 'close' ? 'close' : 'head'
    const statement: Statement = { kind, chain: this.#chain, of, at: line.at, thumbprint }
    const signature = Buffer.from(signed.sig, 'base64url')
    if (makeLine(line.n, line.at, line.prev, signedBody(statement, signature)) !== bytes.toString('latin1')) {
      return this.#bad(at.place, 'tampered-line', 'The signed line was changed.')
    }
    const key = this.#key?.thumbprint === thumbprint ? this.#key.key : this.#policy.trusted?.get(thumbprint)
    if (key === undefined)
      return this.#bad(
        at.place,
        'unknown-key',
        `The line is signed with the key ${thumbprint}, which is not the chain’s.`,
      )
    if (!signatureHolds(key, statementBytes(statement), signed.sig)) {
      return this.#bad(at.place, 'bad-signature', 'The signature does not verify.')
    }
    if (!this.#stands(of, at.before.start)) {
      return this.#bad(
        at.place,
        'bad-signature',
        `What was signed as line number ${of.n} is not what stands there: lines before this one were rewritten.`,
      )
    }
    this.#unsignedFrom = of.n < at.before.n ? { n: of.n + 1, atMs: Date.parse(line.at) } : undefined
    this.#told = false
    return true
  }

  /** A line has its place in the chain. */
  passed(tip: Tip, line: LineHead, place: Place): void {
    this.#hashes[tip.n % maxHeadLag] = tip
    // A segment line comes late, and before a head, where nothing could be written for a while.
    if (line.kind === 'head' || line.kind === 'close' || line.kind === 'segment') return
    const atMs = Date.parse(line.at)
    this.#unsignedFrom ??= { n: tip.n, atMs }
    const { n, atMs: sinceMs } = this.#unsignedFrom
    const long = tip.n - n > this.#interval.lines + maxHeadLag
    if (this.#told || (!long && atMs - sinceMs <= this.#interval.seconds * 1000 + slackMs)) return
    this.#told = true
    this.#findings.problem(
      place,
      'unsigned-lines',
      `Chain ${this.#chain} has no signed head after line number ${n} where there should be one by number ${tip.n}.`,
    )
  }

  #stands(of: Tip, start: { readonly n: number; readonly prev: string } | undefined): boolean {
    const known = this.#hashes[of.n % maxHeadLag]
    if (known?.n === of.n) return known.hash === of.hash
    // The line signed is in a segment that is gone.
    if (start === undefined || of.n >= start.n) return false
    return of.n < start.n - 1 || of.hash === start.prev
  }

  #bad(place: Place, code: Parameters<Findings['problem']>[1], sentence: string): false {
    this.#findings.problem(place, code, sentence)
    return false
  }
}
