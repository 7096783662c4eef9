import { SallyportError } from '../model/index.ts'
import type { Body } from './body.ts'
import type { Bound, Permitted } from './context.ts'
import { queryOverrides, withoutOverride } from './override.ts'

/**
 * Holds the outgoing request to what was decided (design §5, "Held at the credential"). Pure. A request without a
 * call has no parameters to be held to and passes as it is, on the very path and by the very method that was matched.
 * @throws method_override_refused
 */
export function bind(permitted: Permitted, body: Body): Bound {
  const { downstream, head, target } = permitted
  if (queryOverrides(target.query)) throw new SallyportError('method_override_refused')
  const own = withoutOverride(head, body)
  return { ...permitted, body: own, path: downstream.basePath + target.path + target.query }
}
