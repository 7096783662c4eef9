import type { ErrorCode } from './codes.ts'
import { errorTable, type Row } from './table.ts'

/**
 * What may be said to a caller besides the fixed sentence: short texts of our own configuration or of harmless
 * charset, never an input or a cause.
 */
export interface ErrorFacts {
  readonly downstream?: string
  readonly server?: string
  readonly rule?: string
  readonly scope?: string
  readonly connectUrl?: string
  readonly retryAfter?: number
  /** What the token endpoint calls it, where that depends on the grant. */
  readonly oauth?: 'invalid_grant'
  /** For the authenticated caller of the token endpoint: what to change, made of configured names alone. */
  readonly hint?: string
  /** For operators, on stderr and in the log, never on a data face: field, place, remedy. */
  readonly remedy?: string
  readonly field?: string
}

const safe = /^[\x20-\x21\x23-\x5b\x5d-\x7e“”’…–→]{0,1200}$/u

/** The one class of failure. `cause` never leaves the process; `facts` are checked on the way in. */
export class SallyportError extends Error {
  readonly code: ErrorCode
  readonly facts: ErrorFacts

  constructor(code: ErrorCode, facts: ErrorFacts = {}, cause?: unknown) {
    const { sentence, status } = errorTable[code]
    const { stackTraceLimit } = Error
    // Where in our code a caller was refused says nothing that the code does not, and takes longer than all the rest.
    if (status < 500) Error.stackTraceLimit = 0
    super(sentence, cause === undefined ? undefined : { cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'SallyportError'
    this.code = code
    this.facts = Object.fromEntries(
      Object.entries(facts).filter(
        ([, value]) => typeof value === 'number' || (typeof value === 'string' && safe.test(value)),
      ),
    )
  }

  get row(): Row {
    return errorTable[this.code]
  }
}

/** Whether the person can mend it on a page of ours: connect an account, or connect it anew. */
export function leadsToPage({ row }: SallyportError): boolean {
  return row.status === 424 && row.next === 'connect'
}

/** Anything thrown as the one class: what is not ours is `internal`, with the original as the cause. */
export function asSallyportError(error: unknown): SallyportError {
  return error instanceof SallyportError ? error : new SallyportError('internal', {}, error)
}
