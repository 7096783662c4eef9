import type { KnownOperation } from '../../model/index.ts'
import { placedParameters } from './operations.ts'
import { plainName } from './words.ts'

/** Names that mean the same in the configuration, in a request and in a call, whoever reads them. */
const bindable = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

const scalars: readonly string[] = ['string', 'integer', 'number', 'boolean']
/** Nobody reads more than this. */
const most = 20

/** The parameters of a tool with their JSON types, as far as one can be bound: it has a plain name and one type. */
export function parametersOf(inputSchema: unknown): ReadonlyMap<string, string> {
  const properties = isObject(inputSchema) ? inputSchema['properties'] : undefined
  if (!isObject(properties)) return new Map()
  return new Map(
    Object.entries(properties).flatMap(([name, schema]) => {
      const type = isObject(schema) ? typeOf(schema['type']) : undefined
      return type === undefined || !bindable.test(name) ? [] : [[name, type] as const]
    }),
  )
}

/** `string` of `string` and of `[string, null]`; undefined for whatever could be of several types. */
function typeOf(type: unknown): string | undefined {
  const all = Array.isArray(type) ? type.filter((one) => one !== 'null') : [type]
  const [only] = all as readonly unknown[]
  return all.length === 1 && typeof only === 'string' ? only : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Which parameter of a call says which part of a request, by names and types. */
export interface Fit {
  readonly bind: Readonly<Record<string, string>>
  /** Parameters of the path and members of the body that nothing of the call fits. */
  readonly missing: { readonly path: readonly string[]; readonly body: readonly string[] }
}

export function fit(operation: KnownOperation, parameters: ReadonlyMap<string, string>): Fit {
  const byName = new Map([...parameters].map(([name, type]) => [plainName(name), { name, type }] as const))
  const bind: Record<string, string> = {}
  const taken = new Set<string>()
  const missing: { readonly path: string[]; readonly body: string[] } = { path: [], body: [] }
  for (const { name, of } of placedParameters(operation.path)) {
    const found = [plainName(name), plainName(`${of}${name}`)]
      .map((it) => byName.get(it))
      .find((it) => it !== undefined && isText(it.type, operation.parameters.get(name)))
    if (found === undefined) missing.path.push(name)
    else {
      bind[`path.${name}`] = found.name
      taken.add(found.name)
    }
  }
  for (const [name, type] of operation.body ?? []) {
    const found = byName.get(plainName(name))
    const same = found !== undefined && !taken.has(found.name) && isOfType(found.type, type)
    const room = Object.keys(bind).length < most
    if (same && room && bindable.test(name)) bind[`body.${name}`] = found.name
    else missing.body.push(name)
  }
  return { bind, missing }
}

/** May a parameter of this type stand in a path, where this one is expected? */
function isText(type: string, wanted: string | undefined): boolean {
  return scalars.includes(type) && (wanted === undefined || isOfType(type, wanted))
}

const isOfType = (type: string, wanted: string | undefined): boolean =>
  type === wanted || (type === 'integer' && wanted === 'number')
