import {
  asSallyportError,
  type JsonObject,
  type Observed,
  type Operation,
  type ReasonCode,
  type Server,
} from '../../model/index.ts'
import { hold, type Outgoing } from './hold.ts'
import type { Holding } from './refuse.ts'

const differing: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'call_parameter_mismatch',
  'call_field_unbound',
])

/** Whose call and what it is that a request would do. */
export interface Doing {
  readonly server: Pick<Server, 'observe'>
  readonly operation: Pick<Operation, 'class'>
}

/**
 * The request that says what its call says. A read of a server that is observed goes out as it came where its call does not
 * say so. @throws what `hold` throws
 */
export function holdOrObserve(
  outgoing: Outgoing,
  use: Holding,
  call: JsonObject,
  { server, operation }: Doing,
): { readonly held: Outgoing; readonly observed?: Observed } {
  try {
    return { held: hold(outgoing, use, call) }
  } catch (error) {
    const { code, facts } = asSallyportError(error)
    const passes = server.observe === true && operation.class === 'read' && differing.has(code)
    if (!passes) throw error
    return { held: outgoing, observed: { reason: code, rule: facts.rule ?? use.place } }
  }
}
