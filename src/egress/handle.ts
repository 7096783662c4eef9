import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Identity } from '../identity/index.ts'
import {
  asSallyportError,
  type OpenCalls,
  type ReasonCode,
  renderProblem,
  renderProxyProblem,
  SallyportError,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { CountRequest, Log, Metrics } from '../telemetry/index.ts'
import { after } from './after.ts'
import { answerJson, answerProblem } from './answer.ts'
import { type AttemptDeps, deliver } from './attempt.ts'
import { bind } from './bind.ts'
import { receiveBody } from './body.ts'
import type { Bound, Routed } from './context.ts'
import { decide } from './decide.ts'
import { isForward, routeForward } from './forward.ts'
import { readsBody } from './hold/body.ts'
import { bindToCall, type Held, refusalOfHeld } from './in-call.ts'
import { match } from './match.ts'
import { type Doorplate, receive, receivePlain } from './receive.ts'
import { recordDenial } from './settle.ts'
import type { Sent } from './transfer.ts'
import { refusalOfUnnamed } from './unnamed.ts'

export interface HandleDeps extends AttemptDeps {
  readonly door: Doorplate
  readonly identity: Pick<Identity, 'identify'>
  readonly policy: Policy
  /** What requests with a call token are held to. */
  readonly calls: OpenCalls
  readonly log: Log
  readonly count: CountRequest
  readonly metrics: Pick<Metrics, 'lateInjections'>
  readonly newRequestId: () => string
  /** How long a caller may take for a short body, in milliseconds. */
  readonly stallMs: number
}

/**
 * The life of one request. Each step runs at once, unless it has to wait for something: an unknown token, a body on
 * its way, this turn's records, a credential to be fetched. `done` is told once, when all is over. Never throws.
 */
export function handle(req: IncomingMessage, res: ServerResponse, deps: HandleDeps, done: () => void): void {
  new Life(req, res, deps, done).begin()
}

class Life {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #deps: HandleDeps
  readonly #id: string
  readonly #start: number
  #done: (() => void) | undefined
  #routed: Routed | undefined

  constructor(req: IncomingMessage, res: ServerResponse, deps: HandleDeps, done: () => void) {
    this.#req = req
    this.#res = res
    this.#deps = deps
    this.#id = deps.newRequestId()
    this.#start = deps.clock.monotonic()
    this.#done = done
  }

  begin(): void {
    try {
      if (isForward(this.#req.url))
        after(routeForward(this.#req, this.#id, this.#deps), this.#decide, this.#fail)
      else this.#identify()
    } catch (error) {
      this.#fail(error)
    }
  }

  #identify(): void {
    const { door, identity, policy, known } = this.#deps
    const { arrived, bearer } = receive(this.#req, door, { id: this.#id, at: this.#start })
    after(
      identity.identify(bearer),
      (access) => {
        const unnamed = refusalOfUnnamed(arrived, access, this.#deps)
        if (unnamed !== undefined) throw unnamed
        this.#decide(match(arrived, access, { policy, known }))
      },
      this.#fail,
    )
  }

  readonly #decide = (routed: Routed): void => {
    this.#routed = routed
    const decision = decide(routed, this.#deps)
    if (decision.effect === 'deny') throw denied(routed, decision, this.#deps)
    const { permit } = decision
    const permitted = { ...routed, permit }
    const { use } = permit
    if (use !== undefined) {
      this.#hold({ permitted, use })
      return
    }
    after(
      receiveBody(this.#req, routed, this.#deps.stallMs),
      (body) => this.#deliver(bind(permitted, body)),
      this.#fail,
    )
  }

  /** Within a call: what the request says has to be what the call says. */
  #hold(held: Held): void {
    const fail = (error: unknown): void => this.#fail(refusalOfHeld(held, error, this.#deps))
    try {
      after(
        receiveBody(this.#req, held.permitted, this.#deps.stallMs, readsBody(held.use.binding)),
        (body) => this.#deliver(bindToCall(held, body, this.#deps.calls)),
        fail,
      )
    } catch (error) {
      fail(error)
    }
  }

  #deliver(bound: Bound): void {
    deliver(bound, this.#res, this.#deps, this.#end)
  }

  readonly #fail = (error: unknown): void => {
    this.#finish(asSallyportError(error), undefined)
  }

  readonly #end = (sent: Sent): void => {
    this.#finish(sent.error, sent)
  }

  #finish(error: SallyportError | undefined, sent: Sent | undefined): void {
    const done = this.#done
    if (done === undefined) return
    this.#done = undefined
    try {
      if (error !== undefined) {
        const render = isForward(this.#req.url) ? renderProxyProblem : renderProblem
        answerProblem(this.#res, error, this.#id, render)
      }
      const downstream = this.#routed?.downstream.name
      tell({ id: this.#id, start: this.#start, error, sent, downstream }, this.#deps)
    } catch (broken) {
      this.#deps.log.error('egress_broke', { request: this.#id }, broken)
      this.#res.destroy()
    }
    done()
  }
}

/** The downstreams that the caller's server may name, for `sallyport/fetch`: names and URLs, nothing else. */
export async function list(req: IncomingMessage, res: ServerResponse, deps: HandleDeps): Promise<void> {
  const id = deps.newRequestId()
  try {
    const access = await deps.identity.identify(receivePlain(req, deps.door))
    const names = deps.policy.reachable(access.session.server)
    const downstreams = names.flatMap((name) => {
      const downstream = deps.policy.downstream(name)
      if (downstream === undefined) return []
      return [{ name, url: downstream.origin + downstream.basePath, resource: downstream.resource }]
    })
    answerJson(res, { downstreams }, id)
  } catch (error) {
    answerProblem(res, asSallyportError(error), id)
  }
}

function denied(
  routed: Routed,
  decision: { readonly reason: ReasonCode; readonly rule: string },
  deps: HandleDeps,
): SallyportError {
  recordDenial(routed, decision, { audit: deps.audit, log: deps.log, policy: deps.policy.version })
  return new SallyportError(decision.reason, { rule: decision.rule, downstream: routed.downstream.name })
}

/** Metrics and, where it is not the caller's doing, a line in the log. */
function tell(
  told: {
    readonly id: string
    readonly start: number
    readonly error: SallyportError | undefined
    readonly sent: Sent | undefined
    readonly downstream: string | undefined
  },
  { count, metrics, clock, log }: HandleDeps,
): void {
  const { id, error, sent, downstream } = told
  count(downstream, error?.code ?? 'allowed', (clock.monotonic() - told.start) / 1000)
  if (sent?.result === 'late_injection') {
    metrics.lateInjections.inc()
    log.error('late_injection', { request: id, downstream })
  } else if (error !== undefined && error.row.status >= 500) {
    log.warn('egress_failed', { request: id, downstream }, error)
  }
}
