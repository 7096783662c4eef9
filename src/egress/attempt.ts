import type { ServerResponse } from 'node:http'
import type { Audit, Recorded } from '../audit/index.ts'
import type { Exchange, Need } from '../exchange/index.ts'
import {
  type Access,
  asSallyportError,
  type Clock,
  type Credential,
  type Durability,
  type ErrorCode,
  type Gate,
  leadsToPage,
  SallyportError,
} from '../model/index.ts'
import { after } from './after.ts'
import type { Bound } from './context.ts'
import { inject } from './inject.ts'
import type { KnownAccess } from './known.ts'
import { asksForRange } from './leak/answer-head.ts'
import type { LeakGuard } from './leak/leak-guard.ts'
import { type SendDeps, send } from './send.ts'
import { record, settle } from './settle.ts'
import type { Sent } from './transfer.ts'

export interface AttemptDeps {
  readonly audit: Audit
  readonly exchange: Pick<Exchange, 'acquire' | 'refused' | 'wants'>
  /** Where the person of this token connects to a downstream. */
  readonly connectUrl: (access: Access, downstream: string) => string
  readonly gate: Gate
  readonly clock: Pick<Clock, 'monotonic'>
  readonly known: KnownAccess
  readonly leaks: LeakGuard
  readonly send: SendDeps
  /** How durable the record of a read is before it is sent. */
  readonly reads: Durability
}

/**
 * Sends what was decided, and once more with a fresh credential if the downstream answers 401 and the request can be
 * repeated as it was. A 401 shows that nothing was done, so the method does not matter; only a streamed body cannot
 * be had twice. Each attempt has a record of its own. `done` is told once; nothing is thrown.
 */
export function deliver(
  bound: Bound,
  res: ServerResponse,
  deps: AttemptDeps,
  done: (sent: Sent) => void,
): void {
  const end = ({ sent, credential }: Attempted) => {
    const { lacks, error } = sent
    if (lacks === undefined || error === undefined || credential === undefined) {
      done(sent)
      return
    }
    deps.exchange.wants(needOf(bound, deps.gate), credential, lacks).then(
      () => done({ ...sent, error: withPage(error, bound, deps) }),
      (failure: unknown) => done({ ...sent, error: asSallyportError(failure) }),
    )
  }
  const refused = (attempted: Attempted) => {
    const { sent, credential } = attempted
    if (!sent.refused || credential === undefined) return false
    deps.exchange.refused(needOf(bound, deps.gate), credential, sent.claims)
    return true
  }
  new Attempt({ bound, res, number: 1 }, deps, (first) => {
    if (!refused(first)) end(first)
    else if (bound.body.kind === 'stream') {
      done({ ...first.sent, error: failed('credential_refused_not_repeated', bound) })
    } else {
      new Attempt({ bound, res, number: 2, former: first.credential }, deps, (second) => {
        if (refused(second)) done({ ...second.sent, error: failed('credential_refused', bound) })
        else end(second)
      }).begin()
    }
  }).begin()
}

interface Turn {
  readonly bound: Bound
  readonly res: ServerResponse
  readonly number: number
  /** What the downstream refused in the attempt before. */
  readonly former?: Credential | undefined
}

interface Attempted {
  readonly sent: Sent
  readonly credential: Credential | undefined
}

/** Record, acquire, inject, send, settle: what is done anew for each attempt. */
class Attempt {
  readonly #turn: Turn
  readonly #deps: AttemptDeps
  readonly #need: Need
  #done: ((attempted: Attempted) => void) | undefined
  #recorded: Recorded | undefined
  #credential: Credential | undefined

  constructor(turn: Turn, deps: AttemptDeps, done: (attempted: Attempted) => void) {
    this.#turn = turn
    this.#deps = deps
    this.#done = done
    this.#need = needOf(turn.bound, deps.gate)
  }

  begin(): void {
    const { bound, number } = this.#turn
    record(bound, { number, rev: this.#need.rev }, this.#deps, (recorded) => {
      if (recorded instanceof SallyportError) {
        this.#end(unsent(recorded))
        return
      }
      this.#recorded = recorded
      try {
        after(this.#deps.exchange.acquire(this.#need), this.#acquired, this.#failed)
      } catch (error) {
        this.#failed(error)
      }
    })
  }

  readonly #acquired = (credential: Credential): void => {
    const { bound, res, former } = this.#turn
    const recorded = this.#recorded
    if (recorded === undefined) return
    this.#credential = credential
    if (credential.fingerprint === former?.fingerprint) throw failed('credential_refused', bound)
    const search = this.#deps.leaks.searchFor(bound.downstream, credential)
    if (search !== undefined && asksForRange(bound.head)) throw failed('range_refused', bound)
    const headers = inject(bound.head, credential, search !== undefined)
    const proofs = { permit: bound.permit, recorded, credential }
    send(proofs, { bound, headers, res, search }, this.#deps.send, this.#end)
  }

  readonly #failed = (error: unknown): void => {
    this.#end(unsent(withPage(asSallyportError(error), this.#turn.bound, this.#deps)))
  }

  readonly #end = (sent: Sent): void => {
    const done = this.#done
    if (done === undefined) return
    this.#done = undefined
    const credential = this.#credential
    if (this.#recorded !== undefined) {
      settle(this.#turn.bound, { recorded: this.#recorded, sent, credential }, this.#deps)
    }
    done({ sent, credential })
  }
}

/** What the person can mend is told with the page for it. */
function withPage(error: SallyportError, { access, downstream }: Bound, deps: AttemptDeps): SallyportError {
  if (!leadsToPage(error)) return error
  // Whoever opened the call may ask its person; its server could only pass on that it failed.
  if (access.call !== undefined) deps.send.calls.find(access.call.id)?.needs(downstream.name)
  const connectUrl = deps.connectUrl(access, downstream.name)
  return new SallyportError(error.code, { ...error.facts, connectUrl }, error.cause)
}

function needOf({ access, server, downstream }: Bound, gate: Gate): Need {
  return { access, server, downstream, rev: gate.applied }
}

function failed(code: ErrorCode, bound: Bound): SallyportError {
  return new SallyportError(code, { downstream: bound.downstream.name })
}

function unsent(error: SallyportError): Sent {
  return { result: 'failed', bytesIn: 0, bytesOut: 0, refused: false, error }
}
