import type { Audit } from '../audit/index.ts'
import { asSallyportError, type OpenCalls, SallyportError } from '../model/index.ts'
import type { HeldUse, Policy } from '../policy/index.ts'
import type { Log } from '../telemetry/index.ts'
import { bind } from './bind.ts'
import type { Body } from './body.ts'
import type { Bound, Permitted } from './context.ts'
import { holdOrObserve } from './hold/observe.ts'
import { callRule, findOpen } from './open-call.ts'
import { recordDenial } from './settle.ts'

/**
 * Holds a request to the parameters of its call (design §5, "Held at the credential") and counts it. Counted is last of
 * all, so that what is refused takes nothing away, and at once, so that no two requests share the last one.
 * @throws call_ended, call_*_exceeded, and what `hold` throws
 */
export function bindToCall({ permitted, use }: Held, body: Body, calls: OpenCalls): Bound {
  const { access, head, target, server, permit } = permitted
  const open = access.call === undefined ? undefined : findOpen(access.call, calls)
  if (open === undefined) throw new SallyportError('call_ended', { rule: callRule })
  const outgoing = { path: target.path, query: target.query, head, body }
  const { held, observed } = holdOrObserve(outgoing, use, open.arguments, {
    server,
    operation: permit.operation,
  })
  const own = { ...target, path: held.path, query: held.query }
  const bound = bind({ ...permitted, head: held.head, target: own }, held.body)
  const spent = open.spend(use.place, use.use.times)
  if (spent !== undefined) throw new SallyportError(spent, { rule: use.place })
  return observed === undefined ? bound : { ...bound, observed }
}

/** A permitted request of a call, and how it is held. */
export interface Held {
  readonly permitted: Permitted
  readonly use: HeldUse
}

/** What a request was not held by: a refusal is recorded as a denial, everything else is no decision. */
export function refusalOfHeld(
  { permitted, use }: Held,
  thrown: unknown,
  deps: { readonly audit: Audit; readonly log: Log; readonly policy: Policy },
): SallyportError {
  const error = asSallyportError(thrown)
  const { code, row, facts } = error
  if (row.status !== 400 && row.status !== 403) return error
  const rule = facts.rule ?? use.place
  recordDenial(permitted, { reason: code, rule }, { ...deps, policy: deps.policy.version })
  return new SallyportError(code, { rule, downstream: permitted.downstream.name })
}
