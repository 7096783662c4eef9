/** What is wrong with a record. Each of these makes `ok` false. */
export type ProblemCode =
  | 'tampered-line'
  | 'reordered-line'
  | 'duplicated-line'
  | 'removed-lines'
  | 'truncated'
  | 'missing-chain'
  | 'forked-chain'
  | 'bad-signature'
  | 'unknown-key'
  | 'unsigned-lines'
  | 'unreadable-file'

/** What is to be known, but can happen to an honest record: a killed process, a disk that failed, retention. */
export type NoticeCode =
  | 'open-ended'
  | 'torn-line'
  | 'unsigned-tail'
  | 'rewritten-after-failure'
  | 'outcomes-lost'
  | 'deleted-by-retention'
  | 'not-anchored'
  | 'key-not-checked'

interface Finding<Code> {
  readonly file: string
  /** Line of the file, from 1; 0 where it is about the whole file. */
  readonly line: number
  readonly code: Code
  readonly sentence: string
}

export type Problem = Finding<ProblemCode>
export type Notice = Finding<NoticeCode>

export interface ChainReport {
  readonly chain: string
  readonly files: number
  readonly lines: number
  /** `closed`: ends with its signed last line. `open`: the process still writes it, or died. */
  readonly state: 'closed' | 'open'
  readonly from: string
  readonly to: string
  /** Thumbprint of the key that signs it. */
  readonly key: string
  readonly problems: number
}

export interface Report {
  /** No problem was found. Notices do not count. */
  readonly ok: boolean
  readonly lines: number
  readonly chains: readonly ChainReport[]
  /** At most 1000; `moreProblems` counts the rest. */
  readonly problems: readonly Problem[]
  readonly moreProblems: number
  readonly notices: readonly Notice[]
}

const maxFindings = 1000

/** Collects findings in bounded memory. */
export class Findings {
  readonly problems: Problem[] = []
  readonly notices: Notice[] = []
  #more = 0

  get moreProblems(): number {
    return this.#more
  }

  get count(): number {
    return this.problems.length + this.#more
  }

  problem(at: { readonly file: string; readonly line: number }, code: ProblemCode, sentence: string): void {
    if (this.problems.length >= maxFindings) this.#more += 1
    else this.problems.push({ file: at.file, line: at.line, code, sentence })
  }

  notice(at: { readonly file: string; readonly line: number }, code: NoticeCode, sentence: string): void {
    if (this.notices.length < maxFindings) this.notices.push({ file: at.file, line: at.line, code, sentence })
  }
}
