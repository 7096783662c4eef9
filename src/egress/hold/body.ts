import { type JsonObject, parameterAt, parseStrictJson } from '../../model/index.ts'
import type { Binding } from '../../policy/index.ts'
import { type Body, wholeBodyBytes } from '../body.ts'
import { comparableName } from '../strip.ts'
import { holdFields } from './fields.ts'
import { holdMembers } from './members.ts'
import { alikeTo } from './names.ts'
import { type Holding, mismatch, refuse } from './refuse.ts'

/** A body with the headers that say what it is. */
export interface Carried {
  readonly head: readonly string[]
  readonly body: Body
}

/** Whether a request can only be held once its body is there. */
export function readsBody({ body, rest }: Binding): boolean {
  return body.length > 0 || rest
}

/**
 * A body that says what the call says, written anew.
 * @throws call_parameter_mismatch, call_field_unbound, call_body_unreadable, json_malformed, json_ambiguous
 */
export function holdBody({ head, body }: Carried, held: Holding, call: JsonObject): Carried {
  const { binding, place } = held
  if (!readsBody(binding)) return { head, body }
  if (body.kind === 'none') {
    for (const { source } of binding.body) {
      const wanted = parameterAt(call, source.parameter)
      if (wanted !== undefined) throw mismatch(held, source, { wanted, found: undefined })
    }
    return { head, body }
  }
  if (binding.body.length === 0 && binding.free.body.length === 0)
    throw refuse('call_field_unbound', `${place}.rest`)
  const type = typeOf(head)
  const text = body.kind === 'whole' && body.bytes.length <= wholeBodyBytes ? asText(body.bytes) : undefined
  if (type === undefined || text === undefined) throw refuse('call_body_unreadable', place)
  const written = type === formType ? holdForm(text, held, call) : holdJson(text, held, call)
  return {
    head: [...withoutDescription(head), 'content-type', type],
    body: { kind: 'whole', bytes: Buffer.from(written) },
  }
}

function holdJson(text: string, held: Holding, call: JsonObject): string {
  const value = parseStrictJson(text)
  holdMembers(value, held, call)
  return JSON.stringify(value)
}

function holdForm(text: string, { binding, place, tell }: Holding, call: JsonObject): string {
  const { body, free, query, rest } = binding
  // What lies deeper than a name is spelt in as many ways as there are readers of forms.
  if ([...body.map(({ pointer }) => pointer), ...free.body].some(({ length }) => length !== 1))
    throw refuse('call_body_unreadable', place)
  const bound = new Map(body.map(({ pointer: [name = ''], source }) => [name, source]))
  const terms = {
    bound,
    free: (name: string) => free.body.some(([own]) => own === name),
    rest,
    alike: alikeTo([...bound.keys(), ...query.keys()]),
    place,
    where: 'body' as const,
    ...(tell === undefined ? {} : { tell }),
  }
  return holdFields(text, terms, call)
}

const formType = 'application/x-www-form-urlencoded'
const jsonType = /^application\/(?:json|[a-z0-9][a-z0-9.-]*\+json)$/

/** The media type alone, of a body that can be compared: without a coding, in UTF-8. */
function typeOf(head: readonly string[]): string | undefined {
  let written = ''
  for (let index = 0; index < head.length; index += 2) {
    const name = comparableName(head[index] ?? '')
    const value = (head[index + 1] ?? '').toLowerCase()
    if (name === 'content-encoding' && value !== 'identity') return undefined
    if (head[index] === 'content-type') written = value
  }
  const [, type = '', terms = ''] = /^([^\s;,]+)\s*(;[^,]*)?$/.exec(written.trim()) ?? []
  const charset = /charset\s*=\s*["']?([^"';\s]*)/.exec(terms)?.[1] ?? 'utf-8'
  if (charset !== 'utf-8') return undefined
  return type === formType || jsonType.test(type) ? type : undefined
}

/** Would say of the new bytes what was true of the old ones. */
const descriptions = new Set(['content-digest', 'content-md5', 'content-type', 'digest', 'repr-digest'])

function withoutDescription(head: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (let index = 0; index < head.length; index += 2) {
    const name = head[index] ?? ''
    if (!descriptions.has(comparableName(name))) kept.push(name, head[index + 1] ?? '')
  }
  return kept
}

/** A byte order mark stays, so that it is no JSON and part of a name in a form. */
function asText(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
