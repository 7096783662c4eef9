import { createHash, type Hash } from 'node:crypto'
import { hashLine, type LineHead, noHash, type Previous, readHead, type Through, type Tip } from './lines.ts'
import { LineOrder, type Place } from './line-order.ts'
import type { RawLine } from './read.ts'
import type { Findings } from './report.ts'
import { readGenesis, readSegment, readThrough } from './read-control.ts'
import type { SignatureCheck } from './signature-check.ts'

/** What is known of a chain once its files are read; how it fits its neighbours is asked after that. */
export interface ChainFacts {
  readonly chain: string
  readonly place: Place
  readonly lines: number
  /** The first line that is there: number 0 unless earlier segments are gone. */
  readonly start: { readonly n: number; readonly prev: string } | undefined
  readonly end: Tip
  readonly from: string
  readonly to: string
  readonly closed: boolean
  readonly key: string
  /** Undefined where the genesis is gone or unreadable. */
  readonly previous: Previous | null | undefined
  readonly torn:
    | { readonly bytes: number; readonly hash: string; readonly lines: number; readonly place: Place }
    | undefined
  readonly through: Through | undefined
}

/** The file at hand, and where the next one of the chain begins. */
export interface FileAt {
  readonly file: string
  readonly nextFirst: number | undefined
}

interface Garbage {
  readonly sum: Hash
  readonly places: Place[]
  bytes: number
}

/** How many unreadable lines in a row are told one by one. */
const maxPlaces = 1000

/** Checks one chain line by line, in bounded memory. */
export class ChainCheck {
  readonly #chain: string
  readonly #findings: Findings
  readonly #signatures: SignatureCheck
  readonly #anchored: ReadonlyMap<number, string>
  readonly #order: LineOrder
  #at: FileAt = { file: '', nextFirst: undefined }
  #place: Place = { file: '', line: 0 }
  #before: Place = { file: '', line: 0 }
  #lines = 0
  #start: ChainFacts['start']
  #end: Tip = { n: -1, hash: noHash }
  #from = ''
  #to = ''
  #closed = false
  #previous: Previous | null | undefined
  #through: Through | undefined
  #garbage: Garbage | undefined
  #superseded: Place | undefined

  constructor(
    chain: string,
    deps: { findings: Findings; signatures: SignatureCheck; anchored: ReadonlyMap<number, string> },
  ) {
    this.#chain = chain
    this.#findings = deps.findings
    this.#signatures = deps.signatures
    this.#anchored = deps.anchored
    this.#order = new LineOrder(deps.findings)
  }

  startFile(at: FileAt): void {
    this.#at = at
    this.#place = { file: at.file, line: 0 }
  }

  line(raw: RawLine): void {
    this.#place = { file: this.#at.file, line: this.#place.line + 1 }
    const head = raw.ended ? readHead(raw.bytes) : undefined
    if (head === undefined) {
      this.#keepGarbage(raw)
      return
    }
    this.#tellGarbage()
    if (this.#at.nextFirst !== undefined && head.n >= this.#at.nextFirst) {
      this.#superseded ??= this.#place
      return
    }
    const hash = hashLine(raw.bytes)
    const at = { here: this.#place, before: this.#before }
    const n = this.#start === undefined ? head.n : this.#order.place(head, this.#end, at)
    if (n === undefined) return
    this.#accept({ ...head, n }, hash, raw.bytes)
  }

  /** A file of the chain has ended, and another one follows. */
  endFile(): void {
    if (this.#garbage === undefined) return
    this.#superseded ??= this.#garbage.places[0]
    this.#garbage = undefined
  }

  finish(): ChainFacts {
    this.#order.finish()
    this.#tellSuperseded(false)
    const torn = this.#endOfFile()
    return {
      chain: this.#chain,
      place: this.#before,
      lines: this.#lines,
      start: this.#start,
      end: this.#end,
      from: this.#from,
      to: this.#to,
      closed: this.#closed,
      key: this.#signatures.thumbprint,
      previous: this.#previous,
      torn,
      through: this.#through,
    }
  }

  #accept(head: LineHead, hash: string, bytes: Buffer): void {
    if (this.#closed)
      this.#problem(this.#place, 'tampered-line', 'A line follows the one that closed the chain.')
    this.#start ??= { n: head.n, prev: head.prev }
    this.#lines += 1
    if (this.#from === '') this.#from = head.at
    this.#to = head.at
    this.#control(head, bytes)
    this.#end = { n: head.n, hash }
    this.#before = this.#place
    this.#signatures.passed(this.#end, head, this.#place)
    const anchored = this.#anchored.get(head.n)
    if (anchored !== undefined && anchored !== hash) {
      this.#problem(
        this.#place,
        'forked-chain',
        `Line number ${head.n} is not the one that was anchored: the chain was rewritten or forked.`,
      )
    }
  }

  /** Lines that the record writes about itself. */
  #control(head: LineHead, bytes: Buffer): void {
    if (head.n === 0 || head.kind === 'genesis') this.#genesis(head, bytes)
    else if (head.kind === 'segment') this.#segment(bytes)
    else if (head.kind === 'retention') this.#through = readThrough(bytes) ?? this.#through
    else if (head.kind === 'head' || head.kind === 'close') {
      const before = { n: this.#end.n, hash: this.#end.hash, start: this.#start }
      const ok = this.#signatures.check(bytes, head, { place: this.#place, before })
      if (head.kind === 'close' && ok) this.#closed = true
    }
  }

  #genesis(head: LineHead, bytes: Buffer): void {
    const genesis = readGenesis(bytes)
    if (genesis === undefined || head.n !== 0 || head.kind !== 'genesis' || genesis.chain !== this.#chain) {
      this.#problem(
        this.#place,
        'tampered-line',
        'The beginning of the chain is not a genesis line of this chain.',
      )
      return
    }
    this.#previous = genesis.previous
    this.#signatures.introduce(genesis, this.#place)
  }

  #segment(bytes: Buffer): void {
    const segment = readSegment(bytes)
    if (segment === undefined || segment.chain !== this.#chain) {
      this.#problem(this.#place, 'tampered-line', 'The segment line does not belong to this chain.')
      return
    }
    this.#signatures.introduce(segment, this.#place)
    if (segment.reason === 'write_failed') this.#tellSuperseded(true)
    if (segment.lost > 0) {
      this.#findings.notice(
        this.#place,
        'outcomes-lost',
        `${segment.lost} outcomes could not be kept while nothing could be written.`,
      )
    }
  }

  /** Lines at the end of a segment that the next segment has again: honest only after a failed write. */
  #tellSuperseded(explained: boolean): void {
    const place = this.#superseded
    this.#superseded = undefined
    if (place === undefined) return
    if (explained)
      this.#findings.notice(
        place,
        'rewritten-after-failure',
        'From here on the lines were written again in the next segment, after a failed write.',
      )
    else
      this.#problem(
        place,
        'duplicated-line',
        'From here on the file has lines that are not part of the chain.',
      )
  }

  #keepGarbage(raw: RawLine): void {
    this.#garbage ??= { sum: createHash('sha256'), places: [], bytes: 0 }
    this.#garbage.sum.update(raw.bytes)
    if (raw.ended) this.#garbage.sum.update('\n')
    this.#garbage.bytes += raw.bytes.length + (raw.ended ? 1 : 0)
    if (this.#garbage.places.length < maxPlaces) this.#garbage.places.push(this.#place)
  }

  /** What was no line stands between lines. */
  #tellGarbage(): void {
    if (this.#garbage === undefined) return
    for (const place of this.#garbage.places)
      this.#problem(place, 'tampered-line', 'This is no line of a record.')
    this.#order.unread(this.#garbage.places.length)
    this.#garbage = undefined
  }

  #endOfFile(): ChainFacts['torn'] {
    if (this.#garbage === undefined) return undefined
    const { sum, bytes, places } = this.#garbage
    return { bytes, hash: sum.digest('hex'), lines: places.length, place: places[0] ?? this.#place }
  }

  #problem(at: Place, code: Parameters<Findings['problem']>[1], sentence: string): void {
    this.#findings.problem(at, code, sentence)
  }
}
