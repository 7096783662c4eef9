import { astray, follow, type Json, type JsonObject, parameterAt } from '../../model/index.ts'
import { partKey, type Pointer } from '../../policy/index.ts'
import { alikeTo } from './names.ts'
import { type Holding, mismatch, unbound } from './refuse.ts'
import { sameJson } from './values.ts'

/**
 * Compares a JSON body with the call.
 * @throws call_parameter_mismatch, call_field_unbound
 */
export function holdMembers(value: Json, held: Holding, call: JsonObject): void {
  const { body, free, rest } = held.binding
  for (const { pointer, source } of body) {
    const found = follow(value, pointer)
    const wanted = parameterAt(call, source.parameter)
    const same =
      found === undefined || found === astray || wanted === undefined
        ? found === wanted
        : sameJson(found, wanted)
    if (!same) throw mismatch(held, source, { wanted, found: found === astray ? undefined : found })
  }
  const bound = body.map(({ pointer }) => pointer)
  const beside = uncovered(value, { bound, free: free.body, rest })
  if (beside !== undefined) throw unbound(partKey({ kind: 'body', pointer: beside }), { ...held, rest })
}

/** What is named of a value, by its way from there. */
interface Named {
  readonly bound: readonly Pointer[]
  readonly free: readonly Pointer[]
  readonly rest: boolean
}

/**
 * The way to the first that stands beside what is named. On the way to a named part every other member counts: where the
 * rest is refused all of them, else those that a reader may take for a bound one.
 */
function uncovered(value: Json, { bound, free, rest }: Named): Pointer | undefined {
  if ([...bound, ...free].some((pointer) => pointer.length === 0)) return undefined
  if (typeof value !== 'object' || value === null) return rest ? [] : undefined
  const alike = alikeTo(bound.flatMap((pointer) => pointer.slice(0, 1)))
  const isList = Array.isArray(value)
  const below = (pointers: readonly Pointer[], name: string) =>
    pointers.filter(([step]) => step === name).map((pointer) => pointer.slice(1))
  for (const [name, inner] of Object.entries<Json>(value)) {
    const within = { bound: below(bound, name), free: below(free, name), rest }
    if (within.bound.length + within.free.length > 0) {
      const beside = uncovered(inner, within)
      if (beside !== undefined) return [name, ...beside]
    } else if (rest || (!isList && alike(name))) return [name]
  }
  return undefined
}
