import type { Body } from './body.ts'
import type { Bound, Permitted } from './context.ts'

/**
 * Holds the outgoing request to what was decided (design §5, "Held at the credential"). Pure. A request without a
 * call has no parameters to be held to and passes as it is, on the very path that was matched.
 */
export function bind(permitted: Permitted, body: Body): Bound {
  const { downstream, target } = permitted
  return { ...permitted, body, path: downstream.basePath + target.path + target.query }
}
