import { isJsonObject, type Json, type JsonObject, parameterAt, type Tool } from '../model/index.ts'
import type { HeldUses, RecordedParameter } from './bundle.ts'
import { parseParameter, type Pointer } from './parts.ts'

/** What is named like this is not recorded, unless the tool says so by this very name. */
const secretNames =
  /pass(?:word|wd|phrase|code)|secret|token|credential|authorization|(?:api|access|private|signing).?key|^pin$|^cvv|^otp/i

/**
 * What a call is bound to says what it does, so whoever reads the record may know it; and what the tool names besides. The
 * rest of a call is in the record as a digest alone.
 */
export function toRecord({ record = [], redact = [] }: Tool, uses: HeldUses): readonly RecordedParameter[] {
  const hidden = redact.map(pointerOf)
  const bound = [...uses.values()].flatMap(({ use }) => Object.values(use.bind ?? {}))
  const names = [...bound.filter((name) => !secretNames.test(name)), ...record]
  return [...new Set(names)]
    .filter((name) => !redact.includes(name))
    .map((name) => {
      const pointer = pointerOf(name)
      const within = hidden.filter(
        (it) => it.length > pointer.length && pointer.every((step, at) => step === it[at]),
      )
      return { name, pointer, hidden: within.map((it) => it.slice(pointer.length)) }
    })
}

/** The configuration has been read, so that each name is one. */
function pointerOf(name: string): Pointer {
  const pointer = parseParameter(name)
  return typeof pointer === 'string' ? [name] : pointer
}

export function recordedOf(parameters: readonly RecordedParameter[], args: JsonObject): JsonObject {
  return Object.fromEntries(
    parameters.flatMap(({ name, pointer, hidden }) => {
      const value = parameterAt(args, pointer)
      return value === undefined ? [] : [[name, withoutSecrets(hidden.reduce(hide, value))] as const]
    }),
  )
}

function hide(value: Json, [step, ...rest]: Pointer): Json {
  if (step === undefined) return '[redacted]'
  if (Array.isArray(value))
    return (value as readonly Json[]).map((it, at) => (String(at) === step ? hide(it, rest) : it))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [name, name === step ? hide(it, rest) : it]),
  )
}

function withoutSecrets(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (!isJsonObject(value)) return value.map(withoutSecrets)
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [
      name,
      secretNames.test(name) ? '[redacted]' : withoutSecrets(it),
    ]),
  )
}
