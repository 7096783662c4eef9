import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { hold, type Outgoing } from '../../../src/egress/hold/hold.ts'
import { type JsonObject, type RiskClass, SallyportError, type Use } from '../../../src/model/index.ts'
import { facts, operation, tool, downstream, server } from '../../policy/facts.ts'
import { compilePolicy, type HeldUse } from '../../../src/policy/index.ts'

const place = 'servers.crm.tools.t.uses[0]'

/** A use of one operation as the policy hands it to the egress. */
export function held(op: string, use: Omit<Use, 'downstream' | 'operation'> = {}, risk?: RiskClass): HeldUse {
  const own = operation(op, risk ?? (op.startsWith('GET ') ? 'read' : 'write'))
  const uses = [{ downstream: 'orders', operation: op, ...use }]
  const policy = compilePolicy({
    tenant: 'acme',
    version: 'v',
    servers: [server({ tools: [tool('t', 'critical', uses)] })],
    downstreams: [downstream('orders', [own])],
  })
  const decision = policy.decide(facts({ tool: 't', operation: own }))
  if (decision.effect === 'deny' || decision.permit.use === undefined) throw new Error(decision.reason)
  return decision.permit.use
}

export interface Asked {
  readonly path?: string
  readonly query?: string
  readonly json?: string
  readonly form?: string
  readonly bytes?: string | Uint8Array
  readonly head?: readonly string[]
  readonly streams?: boolean
}

/** A request as it comes to be held. */
function outgoing({ path = '/orders', query = '', json, form, bytes, head, streams }: Asked): Outgoing {
  const text = bytes ?? json ?? form
  const type = json === undefined ? (form === undefined ? [] : [formType]) : ['application/json']
  return {
    path,
    query,
    head: [...type.flatMap((it) => ['content-type', it]), ...(head ?? [])],
    body:
      streams === true
        ? { kind: 'stream', source: new IncomingMessage(new Socket()) }
        : text === undefined
          ? { kind: 'none' }
          : { kind: 'whole', bytes: Buffer.from(text as string) },
  }
}

const formType = 'application/x-www-form-urlencoded'

/** What was sent, or the code and the place of the refusal. */
export function outcome(asked: Asked, use: HeldUse, call: JsonObject): Sent | string {
  try {
    const { path, query, head, body } = hold(outgoing(asked), use, call)
    const type = head[head.indexOf('content-type') + 1]
    return {
      url: path + query,
      ...(body.kind === 'whole' ? { body: body.bytes.toString(), type } : {}),
    }
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error
    return [
      error.code,
      ...(error.facts.rule?.startsWith(place) ? [error.facts.rule.slice(place.length + 1)] : []),
    ]
      .join(' ')
      .trim()
  }
}

export interface Sent {
  readonly url: string
  readonly body?: string
  readonly type?: string | undefined
}
