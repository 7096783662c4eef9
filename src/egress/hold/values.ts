import { isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import type { Pointer } from '../../policy/index.ts'

/** There is no such place: a name where a list stands, or a step into what holds nothing. */
export const astray = Symbol('astray')

/** What a JSON Pointer (RFC 6901 §4) leads to; undefined where the member or entry is absent. */
export function follow(value: Json, pointer: Pointer): Json | undefined | typeof astray {
  let at: Json = value
  for (const step of pointer) {
    const inner = enter(at, step)
    if (inner === undefined || inner === astray) return inner
    at = inner
  }
  return at
}

function enter(value: Json, step: string): Json | undefined | typeof astray {
  if (Array.isArray(value)) {
    const list = value as readonly Json[]
    return /^(?:0|[1-9]\d{0,8})$/.test(step) ? list[Number(step)] : astray
  }
  if (!isJsonObject(value)) return astray
  return Object.hasOwn(value, step) ? value[step] : undefined
}

/** A parameter of the call; undefined where the call has none at that place. */
export function parameterAt(call: JsonObject, pointer: Pointer): Json | undefined {
  const found = follow(call, pointer)
  return found === astray ? undefined : found
}

/** Equal in every member, in whatever order they stand. Types are not converted: 42 is not "42". */
export function sameJson(one: Json, other: Json): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return one === other
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other)) return false
    const [left, right] = [one as readonly Json[], other as readonly Json[]]
    return left.length === right.length && left.every((it, index) => sameJson(it, right[index] ?? null))
  }
  const [left, right] = [Object.entries(one), other as JsonObject]
  return (
    left.length === Object.keys(right).length &&
    left.every(([name, it]) => Object.hasOwn(right, name) && sameJson(it, right[name] ?? null))
  )
}

/** Is the text how this value is written where there is only text: in a path, a query, a form? */
export function sameText(text: string, value: Json): boolean {
  if (typeof value === 'string') return text === value
  return (typeof value === 'number' || typeof value === 'boolean') && text === String(value)
}
