import type { JsonObject } from '../../model/index.ts'
import { type Carried, holdBody } from './body.ts'
import { holdFields } from './fields.ts'
import { alikeTo } from './names.ts'
import { holdPath } from './path.ts'
import type { Holding } from './refuse.ts'

/** What a call's parameters can fix of a request. */
export interface Outgoing extends Carried {
  /** Begins with `/`, without the base path of the downstream. */
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
}

/**
 * The request that says what its call says (design §5, "Held at the credential"), or a refusal. What is compared is read
 * in one way and written anew from what was read, so that the downstream has nothing left to read otherwise; what
 * nothing is bound in passes as it is. Pure.
 * @throws call_parameter_mismatch, call_field_unbound, call_body_unreadable, json_malformed, json_ambiguous
 */
export function hold(outgoing: Outgoing, held: Holding, call: JsonObject): Outgoing {
  const { path, query } = outgoing
  return {
    path: held.binding.path.size === 0 ? path : holdPath(path, held, call),
    query: holdQuery(query, held, call),
    ...holdBody(outgoing, held, call),
  }
}

/** A name that is bound in the body may not stand in the query instead: servlets read both as one, the query first. */
function holdQuery(query: string, { binding, place, tell }: Holding, call: JsonObject): string {
  const { query: bound, body, free, rest } = binding
  if (bound.size === 0 && body.length === 0 && !rest) return query
  const inBody = body.flatMap(({ pointer }) => (pointer.length === 1 ? pointer : []))
  const terms = {
    bound,
    free: (name: string) => free.query.has(name),
    rest,
    alike: alikeTo([...bound.keys(), ...inBody]),
    place,
    where: 'query' as const,
    ...(tell === undefined ? {} : { tell }),
  }
  const written = holdFields(query.slice(1), terms, call)
  return written === '' ? '' : `?${written}`
}
