import {
  type Access,
  type Downstream,
  type Facts,
  factsOfSession,
  isJsonObject,
  isMethodName,
  type JsonObject,
  methodName,
  type Observed,
  type ReasonCode,
  type RecordEvent,
  recordWho,
  type RiskClass,
  type Server,
  type Work,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Inside } from './inside.ts'
import type { Message } from './message.ts'

/** A call of a tool that may be made, as it will be known while it is open. */
export interface ToolCall {
  readonly id: string
  readonly tool: string
  readonly class: RiskClass
  readonly arguments: JsonObject
  readonly digest: string
  readonly rule: string
  /** What would have refused it, were its server not observed. */
  readonly observed?: Observed
  /** The downstreams that the tool uses. */
  readonly uses: readonly Downstream[]
  /** Resources of those that the caller's token may name. */
  readonly audiences: readonly string[]
}

export type DecidedCall =
  | { readonly effect: 'allow'; readonly call: ToolCall }
  | {
      readonly effect: 'deny'
      readonly reason: ReasonCode
      readonly rule: string
      readonly tool: string
      /** Whether the client is told no more than of a tool that does not exist. */
      readonly hidden: boolean
      /** In seconds, where it helps to wait. */
      readonly retryAfter?: number
    }

const none: JsonObject = {}

type Request = Extract<Message, { kind: 'request' }>

/** Decided is on the body, by the very name that the server will read; no header is asked. */
export function decideCall({ params }: Request, access: Access, server: Server, inside: Inside): DecidedCall {
  const { name, arguments: args = none } = params
  const tool = typeof name === 'string' ? name : ''
  if (!isJsonObject(args) || typeof name !== 'string')
    return { effect: 'deny', reason: 'message_malformed', rule: 'params', tool, hidden: false }
  if (isMethodName(tool)) {
    return {
      effect: 'deny',
      reason: 'tool_unknown',
      rule: `servers.${server.name}.tools`,
      tool,
      hidden: true,
    }
  }
  return decide({ tool, args }, access, server, inside)
}

/**
 * The same for what is no call of a tool and has an entry of its own: its parameters are those of the message. Undefined where
 * it has none, so that it goes on with a token that is good for no operation.
 */
export function decideMethod(
  { method, params }: Request,
  access: Access,
  server: Server,
  inside: Inside,
): DecidedCall | undefined {
  const tool = methodName(method)
  if (inside.policy.tool(server.name, tool) === undefined) return undefined
  const args = Object.fromEntries(Object.entries(params).filter(([name]) => name !== '_meta'))
  const decided = decide({ tool, args }, access, server, inside)
  // That there is such a method is known to everybody.
  return decided.effect === 'deny' ? { ...decided, hidden: false } : decided
}

function decide(
  { tool, args }: { readonly tool: string; readonly args: JsonObject },
  access: Access,
  server: Server,
  inside: Inside,
): DecidedCall {
  const barred = inside.gate.check(toolWork(workOf(access), tool, inside.policy), access.rev)
  if (barred !== undefined)
    return { effect: 'deny', reason: barred.reason, rule: 'revocation', tool, hidden: false }
  const decision = inside.policy.call({ ...factsOf(access, tool, inside), arguments: args })
  if (decision.effect === 'deny') {
    const asks =
      decision.reason === 'tool_confirm_unavailable' || decision.reason === 'tool_approval_unavailable'
    return { ...decision, tool, hidden: !asks }
  }
  if (Buffer.byteLength(JSON.stringify(args)) > inside.argumentBytes)
    return {
      effect: 'deny',
      reason: 'call_arguments_too_large',
      rule: 'limits.arguments',
      tool,
      hidden: false,
    }
  const { permit, rule, observed } = decision
  const names = [...new Set(permit.uses.map(({ downstream }) => downstream))]
  const uses = names.flatMap((name) => inside.policy.downstream(name) ?? [])
  return {
    effect: 'allow',
    call: {
      id: inside.newCallId(),
      tool,
      class: permit.class,
      arguments: args,
      digest: inside.digest(args),
      rule,
      ...(observed === undefined ? {} : { observed }),
      uses,
      audiences: [...new Set([server.resource, ...uses.map(({ resource }) => resource)])].filter((it) =>
        access.audiences.includes(it),
      ),
    },
  }
}

/** What a call of the tool would be told, for lists: they show nothing else. */
export function isCallable(tool: string, access: Access, inside: Inside): boolean {
  if (isMethodName(tool)) return false
  const barred = inside.gate.check(toolWork(workOf(access), tool, inside.policy), access.rev)
  return (
    barred === undefined &&
    inside.policy.call({ ...factsOf(access, tool, inside), arguments: 'any' }).effect === 'allow'
  )
}

function factsOf({ session }: Access, tool: string, { definitions }: Pick<Inside, 'definitions'>): Facts {
  const facts = { ...factsOfSession(session), tool }
  return definitions.underReview(session.server, tool) ? { ...facts, underReview: true } : facts
}

export function workOf({ session: { principal, client, server, sid } }: Access) {
  return { principal, client, server, sid }
}

/** All that a call of the tool belongs to. */
export function toolWork<T extends Pick<Work, 'server'>>(
  work: T,
  tool: string,
  policy: Pick<Policy, 'tool'>,
) {
  const { class: risk, labels } = policy.tool(work.server, tool) ?? {}
  return {
    ...work,
    tool,
    ...(risk === undefined ? {} : { class: risk }),
    ...(labels === undefined ? {} : { labels }),
  }
}

export function recordRefusedCall(
  denied: Extract<DecidedCall, { effect: 'deny' }>,
  { access, requestId }: { readonly access: Access; readonly requestId: string },
  { audit, log, metrics, policy }: Inside,
): void {
  metrics.callsRefused.inc({ reason: denied.reason })
  const event: RecordEvent = {
    kind: 'denial',
    request: requestId,
    who: recordWho(access),
    tool: denied.tool,
    decision: 'deny',
    reason: denied.reason,
    rule: denied.rule,
    policy: policy.version,
  }
  audit.note(event, 'handed').catch((error: unknown) => {
    log.error('denial_not_recorded', { request: requestId }, error)
  })
}
