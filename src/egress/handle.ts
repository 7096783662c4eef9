import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Identity } from '../identity/index.ts'
import {
  asSallyportError,
  type ReasonCode,
  renderProblem,
  renderProxyProblem,
  SallyportError,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Log, Metrics } from '../telemetry/index.ts'
import { answerJson, answerProblem } from './answer.ts'
import { type AttemptDeps, deliver } from './attempt.ts'
import { bind } from './bind.ts'
import { receiveBody } from './body.ts'
import type { Identified, Routed } from './context.ts'
import { decide } from './decide.ts'
import { isForward, routeForward } from './forward.ts'
import { match } from './match.ts'
import type { Meter } from './meter.ts'
import { type Doorplate, receive, receivePlain } from './receive.ts'
import { recordDenial } from './settle.ts'
import type { Sent } from './transfer.ts'

export interface HandleDeps extends AttemptDeps {
  readonly door: Doorplate
  readonly identity: Pick<Identity, 'identify'>
  readonly policy: Policy
  readonly log: Log
  readonly meter: Meter
  readonly metrics: Pick<Metrics, 'lateInjections'>
  readonly newRequestId: () => string
  /** How long a caller may take for a short body, in milliseconds. */
  readonly stallMs: number
}

/**
 * The life of one request. It runs without a turn of the event loop up to the write at the downstream, unless a step
 * has to wait for something: an unknown token, a record that must reach the disk, a credential to be fetched.
 */
export async function handle(req: IncomingMessage, res: ServerResponse, deps: HandleDeps): Promise<void> {
  const id = deps.newRequestId()
  const start = deps.clock.monotonic()
  const forward = isForward(req.url)
  let routed: Routed | undefined
  let sent: Sent | undefined
  let error: SallyportError | undefined
  try {
    if (forward) routed = await routeForward(req, id, deps)
    else {
      const { arrived, bearer } = receive(req, deps.door, { ...deps, id })
      const known = deps.identity.identify(bearer)
      const identified: Identified = { ...arrived, access: known instanceof Promise ? await known : known }
      routed = match(identified, deps.policy)
    }
    const decision = decide(routed, deps)
    if (decision.effect === 'deny') throw denied(routed, decision, deps)
    const received = receiveBody(req, routed, deps.stallMs)
    const body = received instanceof Promise ? await received : received
    const bound = bind({ ...routed, permit: decision.permit }, body)
    sent = await deliver(bound, res, deps)
    error = sent.error
  } catch (thrown) {
    error = asSallyportError(thrown)
  }
  if (error !== undefined) answerProblem(res, error, id, forward ? renderProxyProblem : renderProblem)
  tell({ id, start, error, sent, downstream: routed?.downstream.name }, deps)
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
  { meter, metrics, clock, log }: HandleDeps,
): void {
  const { id, error, sent, downstream } = told
  meter(downstream, error?.code ?? 'allowed', (clock.monotonic() - told.start) / 1000)
  if (sent?.result === 'late_injection') {
    metrics.lateInjections.inc()
    log.error('late_injection', { request: id, downstream })
  } else if (error !== undefined && error.row.status >= 500) {
    log.warn('egress_failed', { request: id, downstream }, error)
  }
}
