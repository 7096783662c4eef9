import { astray, follow, type Json, type JsonObject, parameterAt } from '../../model/index.ts'
import type { HeldUse, Pointer } from '../../policy/index.ts'
import { alikeTo } from './names.ts'
import { refuse } from './refuse.ts'
import { sameJson } from './values.ts'

/**
 * Compares a JSON body with the call.
 * @throws call_parameter_mismatch, call_field_unbound
 */
export function holdMembers(value: Json, { binding, place }: HeldUse, call: JsonObject): void {
  const { body, free, rest } = binding
  for (const { pointer, source } of body) {
    const found = follow(value, pointer)
    const wanted = parameterAt(call, source.parameter)
    const same =
      found === undefined || found === astray || wanted === undefined
        ? found === wanted
        : sameJson(found, wanted)
    if (!same) throw refuse('call_parameter_mismatch', source.place)
  }
  const bound = body.map(({ pointer }) => pointer)
  if (!isCovered(value, { bound, free: free.body, rest }))
    throw refuse('call_field_unbound', rest ? `${place}.rest` : `${place}.bind`)
}

/** What is named of a value, by its way from there. */
interface Named {
  readonly bound: readonly Pointer[]
  readonly free: readonly Pointer[]
  readonly rest: boolean
}

/**
 * Does nothing stand beside what is named? On the way to a named part every other member counts: where the rest is
 * refused all of them, else those that a reader may take for a bound one.
 */
function isCovered(value: Json, { bound, free, rest }: Named): boolean {
  if ([...bound, ...free].some((pointer) => pointer.length === 0)) return true
  if (typeof value !== 'object' || value === null) return !rest
  const alike = alikeTo(bound.flatMap((pointer) => pointer.slice(0, 1)))
  const isList = Array.isArray(value)
  const below = (pointers: readonly Pointer[], name: string) =>
    pointers.filter(([step]) => step === name).map((pointer) => pointer.slice(1))
  return Object.entries(value).every(([name, inner]: [string, Json]) => {
    const within = { bound: below(bound, name), free: below(free, name), rest }
    if (within.bound.length + within.free.length > 0) return isCovered(inner, within)
    return !rest && (isList || !alike(name))
  })
}
