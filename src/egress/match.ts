import { SallyportError, type Work } from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Identified, Routed } from './context.ts'

/**
 * Which downstream and operation a request is for, and all that the work belongs to. Pure.
 * @throws server_unknown, downstream_unknown
 */
export function match(identified: Identified, policy: Policy): Routed {
  const { access, target, method } = identified
  const { session, call } = access
  const server = policy.server(session.server)
  if (server === undefined) throw new SallyportError('server_unknown')
  const downstream = policy.downstream(target.downstream)
  if (downstream === undefined) throw new SallyportError('downstream_unknown')
  const operation = policy.match(downstream, method, target.path)
  const work: Work = {
    principal: session.principal,
    client: session.client,
    server: session.server,
    sid: session.sid,
    downstream: downstream.name,
    ...(call === undefined ? {} : { tool: call.tool, call: call.id }),
  }
  return { ...identified, server, downstream, work, ...(operation === undefined ? {} : { operation }) }
}
