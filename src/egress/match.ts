import { type Access, SallyportError } from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Arrived, Routed } from './context.ts'
import type { KnownAccess } from './known.ts'

/**
 * Which downstream and operation a request is for, and all that the work belongs to.
 * @throws server_unknown, downstream_unknown
 */
export function match(
  arrived: Arrived,
  access: Access,
  { policy, known }: { readonly policy: Policy; readonly known: KnownAccess },
): Routed {
  const { target, method } = arrived
  const server = policy.server(access.session.server)
  if (server === undefined) throw new SallyportError('server_unknown')
  const downstream = policy.downstream(target.downstream)
  if (downstream === undefined) throw new SallyportError('downstream_unknown')
  const operation = policy.match(downstream, method, target.path)
  const work = known.workOf(access, { downstream, operation }, policy)
  return { ...arrived, access, server, downstream, work, operation }
}
