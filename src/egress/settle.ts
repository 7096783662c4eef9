import type { Audit } from '../audit/index.ts'
import type { Recorded } from '../audit/index.ts'
import type {
  Access,
  Clock,
  Credential,
  Durability,
  ReasonCode,
  RecordEvent,
  RecordWho,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { Bound, Routed } from './context.ts'
import type { Sent } from './transfer.ts'

/**
 * Writes the intent of a request before anything of it is done. Reads are as durable as configured, everything that
 * changes something is on the disk first. @throws record_unavailable
 */
export function record(
  bound: Bound,
  attempt: number,
  deps: { readonly audit: Audit; readonly reads: Durability; readonly rev: number },
): Recorded | Promise<Recorded> {
  const { permit } = bound
  const read = permit.operation.class === 'read'
  return deps.audit.begin(
    {
      ...about(bound),
      kind: 'intent',
      operation: permit.operation.id,
      class: permit.operation.class,
      decision: 'allow',
      reason: 'allowed',
      rule: permit.rule,
      policy: permit.policy,
      rev: deps.rev,
      ...(attempt === 1 ? {} : { details: { attempt } }),
    },
    read ? deps.reads : 'synced',
  )
}

/** Writes how it ended. Queries and bodies are in neither half. */
export function settle(
  bound: Bound,
  ended: { readonly recorded: Recorded; readonly sent: Sent; readonly credential?: Credential },
  deps: { readonly audit: Audit; readonly clock: Pick<Clock, 'monotonic'> },
): void {
  const { recorded, sent, credential } = ended
  const reason = sent.error?.code
  deps.audit.finish(recorded, {
    kind: 'outcome',
    request: bound.id,
    who: who(bound),
    downstream: bound.downstream.name,
    operation: bound.permit.operation.id,
    result: sent.result,
    bytesIn: sent.bytesIn,
    bytesOut: sent.bytesOut,
    durationMs: Math.round(deps.clock.monotonic() - bound.at),
    ...(sent.status === undefined ? {} : { status: sent.status }),
    ...(sent.downstreamRequestId === undefined ? {} : { downstreamRequestId: sent.downstreamRequestId }),
    ...(credential === undefined ? {} : { credential: credential.fingerprint }),
    ...(reason === undefined ? {} : { reason }),
  })
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
    who: who(refused),
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
    who: who(routed),
    downstream: downstream.name,
    method,
    path: target.path,
    ...(access.call === undefined ? {} : { tool: access.call.tool, call: access.call.id }),
    ...(trace === undefined ? {} : { trace }),
  }
}

export function who({ access }: { readonly access: Access }): RecordWho {
  const { session, actor, jti } = access
  return {
    principal: session.principal,
    client: session.client,
    server: session.server,
    sid: session.sid,
    jti,
    ...(actor === undefined ? {} : { actor }),
  }
}
