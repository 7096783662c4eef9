import { isJsonObject, type Json, type JsonObject } from './strict-json.ts'

/** There is no such place: a name where a list stands, or a step into what holds nothing. */
export const astray = Symbol('astray')

/** What a JSON Pointer (RFC 6901 §4) leads to; undefined where the member or entry is absent. */
export function follow(value: Json, pointer: readonly string[]): Json | undefined | typeof astray {
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
export function parameterAt(call: JsonObject, pointer: readonly string[]): Json | undefined {
  const found = follow(call, pointer)
  return found === astray ? undefined : found
}
