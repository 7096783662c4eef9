import { type Operation, SallyportError, type Use } from '../model/index.ts'
import { parseParameter, parsePart, type Pointer } from './parts.ts'
import { parseTemplate, type Segment } from './template.ts'

/** A parameter of the call, and the place that says so: `servers.crm.tools.refund.uses[0].bind.path.id`. */
export interface Source {
  readonly parameter: Pointer
  readonly place: string
}

/** To what parameters of its call a request is held, read once for all requests. */
export interface Binding {
  readonly template: readonly Segment[]
  readonly path: ReadonlyMap<string, Source>
  readonly query: ReadonlyMap<string, Source>
  readonly body: readonly { readonly pointer: Pointer; readonly source: Source }[]
  readonly free: { readonly query: ReadonlySet<string>; readonly body: readonly Pointer[] }
  /** Nothing else may stand in the query or the body. */
  readonly rest: boolean
}

/** A use as it holds one operation. */
export interface HeldUse {
  readonly place: string
  /** With what the class of the operation implies written out. */
  readonly use: Use
  readonly binding: Binding
  /** The operation changes something, and `unbound: true` lets the server choose what. */
  readonly unbound: boolean
}

type Bound = Pick<Use, 'bind' | 'free' | 'rest' | 'unbound'>

/**
 * Writes out what the class of an operation implies. What changes something is done to what the call named: each
 * parameter of the path that is not mentioned is bound to the call's parameter of the same name. In what is critical
 * nothing else may stand. Doing it twice changes nothing.
 */
export function completeUse<T extends Bound>(use: T, operation: Pick<Operation, 'path' | 'class'>): T {
  const { class: risk, path } = operation
  if (use.unbound === true || (risk !== 'write' && risk !== 'critical')) return use
  const named = new Set([...Object.keys(use.bind ?? {}), ...(use.free ?? [])])
  const implied = pathParameters(path).filter((name) => !named.has(`path.${name}`))
  const bind = { ...Object.fromEntries(implied.map((name) => [`path.${name}`, name])), ...use.bind }
  return {
    ...use,
    ...(Object.keys(bind).length === 0 ? {} : { bind }),
    ...(risk === 'critical' ? { rest: 'refuse' as const } : {}),
  }
}

/** The names of a template's parameters, in their order. */
export function pathParameters(path: string): readonly string[] {
  const segments = parseTemplate(path)
  if (typeof segments === 'string') return []
  return segments.flatMap((segment) => (segment.kind === 'literal' ? [] : [segment.name]))
}

/** @throws config_invalid where it names no part or no parameter, which a loaded configuration does not */
export function holdUse(written: Use & { readonly place: string }, operation: Operation): HeldUse {
  const { place, ...rest } = written
  const use = completeUse(rest, operation)
  const risky = operation.class === 'write' || operation.class === 'critical'
  return { place, use, binding: bindingOf(use, operation, place), unbound: risky && use.unbound === true }
}

function bindingOf(use: Use, operation: Operation, place: string): Binding {
  const template = parseTemplate(operation.path)
  const path = new Map<string, Source>()
  const query = new Map<string, Source>()
  const body: Binding['body'][number][] = []
  for (const [target, written] of Object.entries(use.bind ?? {})) {
    const part = parsePart(target)
    const parameter = parseParameter(written)
    if (typeof part === 'string' || typeof parameter === 'string')
      throw new SallyportError('config_invalid', { field: `${place}.bind` })
    const source = { parameter, place: `${place}.bind.${target}` }
    if (part.kind === 'body') body.push({ pointer: part.pointer, source })
    else (part.kind === 'path' ? path : query).set(part.name, source)
  }
  // One that names nothing frees nothing.
  const parts = (use.free ?? []).map(parsePart).filter((part) => typeof part !== 'string')
  return {
    template: typeof template === 'string' ? [] : template,
    path,
    query,
    body,
    free: {
      query: new Set(parts.flatMap((part) => (part.kind === 'query' ? [part.name] : []))),
      body: parts.flatMap((part) => (part.kind === 'body' ? [part.pointer] : [])),
    },
    rest: use.rest === 'refuse',
  }
}

/** To what a request is held, for people. */
export function bindingNote({ use, unbound }: HeldUse): string {
  const bound = Object.entries(use.bind ?? {}).map(([part, parameter]) => `${part} to ${parameter}`)
  const { free = [], times } = use
  const notes = [
    ...(unbound ? ['unbound: the server may choose what is not bound'] : []),
    bound.length === 0 ? 'nothing is bound to the call' : `bound: ${bound.join(', ')}`,
    ...(free.length === 0 ? [] : [`free: ${free.join(', ')}`]),
    ...(use.rest === 'refuse' ? ['all else is refused'] : []),
    ...(times === undefined ? [] : [`at most ${times} in a call`]),
  ]
  return notes.join('; ')
}
