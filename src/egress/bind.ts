import { SallyportError } from '../model/index.ts'
import type { Body } from './body.ts'
import type { Bound, Permitted } from './context.ts'
import { queryOverrides, withoutOverride } from './override.ts'

/**
 * Holds the outgoing request to what was decided: it leaves on the very path and by the very method that was matched.
 * A request with a call was held to that call before (`in-call.ts`). Pure.
 * @throws method_override_refused
 */
export function bind(permitted: Permitted, body: Body): Bound {
  const { downstream, head, target } = permitted
  if (queryOverrides(target.query)) throw new SallyportError('method_override_refused')
  const own = withoutOverride(head, body)
  const isBase = target.bare === true && downstream.basePath !== ''
  const path = downstream.basePath + (isBase ? '' : target.path)
  return { ...permitted, body: own, path: path + target.query }
}
