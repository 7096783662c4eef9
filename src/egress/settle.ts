import type { Audit } from '../audit/index.ts'
import type { Recorded } from '../audit/index.ts'
import {
  type Access,
  type Clock,
  type Credential,
  type Durability,
  type ReasonCode,
  type RecordEvent,
  recordWho,
  type SallyportError,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { Bound, Routed } from './context.ts'
import type { KnownAccess } from './known.ts'
import type { LeakGuard } from './leak/leak-guard.ts'
import type { Sent } from './transfer.ts'

/**
 * Writes the intent of a request before anything of it is done. Reads are as durable as configured, everything that
 * changes something is on the disk first. `then` is told once, of the record or of `record_unavailable`.
 */
export function record(
  bound: Bound,
  attempt: { readonly number: number; readonly rev: number },
  deps: { readonly audit: Audit; readonly reads: Durability; readonly known: KnownAccess },
  then: (result: Recorded | SallyportError) => void,
): void {
  const { permit, access } = bound
  const common = deps.known.recordsOf(access, permit).intent
  const event: RecordEvent = {
    kind: 'intent',
    who: common.who,
    common,
    request: bound.id,
    path: bound.target.path,
    tool: access.call?.tool,
    call: access.call?.id,
    trace: bound.trace,
    rev: attempt.rev,
    observed: (bound.observed ?? permit.observed)?.reason,
    details: detailsOf(attempt.number, bound),
  }
  deps.audit.intend(event, permit.operation.class === 'read' ? deps.reads : 'synced', then)
}

function detailsOf(attempt: number, { permit, observed = permit.observed }: Bound): RecordEvent['details'] {
  const unbound = permit.use?.unbound === true
  if (attempt === 1 && !unbound && observed === undefined) return undefined
  return {
    ...(attempt === 1 ? {} : { attempt }),
    ...(unbound ? { unbound } : {}),
    ...(observed === undefined ? {} : { observed_rule: observed.rule }),
  }
}

/** Writes how it ended. Queries and bodies are in neither half. */
export function settle(
  bound: Bound,
  ended: {
    readonly recorded: Recorded
    readonly sent: Sent
    readonly credential: Credential | undefined
  },
  deps: {
    readonly audit: Audit
    readonly clock: Pick<Clock, 'monotonic'>
    readonly known: KnownAccess
    readonly leaks: LeakGuard
  },
): void {
  const { recorded, sent, credential } = ended
  const common = deps.known.recordsOf(bound.access, bound.permit).outcome
  deps.audit.finish(recorded, {
    kind: 'outcome',
    who: common.who,
    common,
    request: bound.id,
    result: sent.result,
    bytesIn: sent.bytesIn,
    bytesOut: sent.bytesOut,
    durationMs: Math.round(deps.clock.monotonic() - bound.at),
    status: sent.status,
    downstreamRequestId: harmless(sent.downstreamRequestId, credential, deps.leaks),
    credential: credential?.fingerprint,
    reason: sent.error?.code,
  })
}

/** A downstream that tells the credential for its request's id has not told an id. */
function harmless(
  id: string | undefined,
  credential: Credential | undefined,
  leaks: LeakGuard,
): string | undefined {
  const told = id !== undefined && credential !== undefined && leaks.standsIn(credential, id)
  return told ? undefined : id
}

/** Writes a denial. The answer does not wait for it: nothing was done that it would have to precede. */
export function recordDenial(
  routed: Routed,
  denied: { readonly reason: ReasonCode; readonly rule: string },
  deps: { readonly audit: Audit; readonly log: Log; readonly policy: string },
): void {
  const event: RecordEvent = {
    ...about(routed),
    kind: 'denial',
    decision: 'deny',
    reason: denied.reason,
    rule: denied.rule,
    policy: deps.policy,
    ...(routed.operation === undefined
      ? {}
      : { operation: routed.operation.id, class: routed.operation.class }),
  }
  note(event, deps)
}

/** A request that was refused before anything was found for it: by whom, and what for. */
export interface Refused {
  readonly id: string
  readonly access: Access
  readonly method: string
  readonly path?: string
  /** What was asked for, of harmless characters. */
  readonly place: string
  readonly rule?: string
}

/** Writes such a refusal, as a denial is written. */
export function recordRefusal(
  refused: Refused,
  reason: ReasonCode,
  deps: { readonly audit: Pick<Audit, 'note'>; readonly log: Log; readonly policy: Pick<Policy, 'version'> },
): void {
  const { id, access, method, path, place, rule = 'downstreams' } = refused
  const event: RecordEvent = {
    kind: 'denial',
    request: id,
    who: recordWho(access),
    method,
    decision: 'deny',
    reason,
    rule,
    policy: deps.policy.version,
    details: { place },
    ...(path === undefined ? {} : { path }),
    ...(access.call === undefined ? {} : { tool: access.call.tool, call: access.call.id }),
  }
  note(event, deps)
}

function note(event: RecordEvent, deps: { readonly audit: Pick<Audit, 'note'>; readonly log: Log }): void {
  deps.audit.note(event, 'handed').catch((error: unknown) => {
    deps.log.error('denial_not_recorded', { request: event.request }, error)
  })
}

function about(routed: Routed): Omit<RecordEvent, 'kind'> {
  const { id, method, downstream, target, access, trace } = routed
  return {
    request: id,
    who: recordWho(access),
    downstream: downstream.name,
    method,
    path: target.path,
    ...(access.call === undefined ? {} : { tool: access.call.tool, call: access.call.id }),
    ...(trace === undefined ? {} : { trace }),
  }
}
