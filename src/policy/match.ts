import type { Operation } from '../model/index.ts'
import { decodePath, parseTemplate, type Segment } from './template.ts'

interface Template {
  readonly operation: Operation
  readonly segments: readonly Segment[]
  readonly rest: boolean
  /** One letter per segment, so that plain text order puts literal before parameter before rest, leftmost first. */
  readonly shape: string
  readonly literals: number
}

/** The templates of one method: those of `n` segments at `fixed[n]`, most literal first, rest templates among them. */
interface MethodTable {
  readonly bySegments: readonly (readonly Template[])[]
  /** For paths longer than any template: rest templates only. */
  readonly beyond: readonly Template[]
}

/** Finds the operation that a method and a path are. */
export type Matcher = (method: string, path: string) => Operation | undefined

/**
 * Compile a downstream's operations. Where several templates match, the one with the most literal segments wins,
 * then one without `{rest...}`, then the one whose literals stand further left. An operation whose template does not
 * parse matches nothing.
 */
export function compileMatcher(operations: readonly Operation[]): Matcher {
  const tables = new Map<string, MethodTable>()
  for (const method of new Set(operations.map((operation) => operation.method))) {
    tables.set(method, methodTable(operations.filter((operation) => operation.method === method)))
  }
  return (method, path) => {
    const table = tables.get(method)
    if (table === undefined) return undefined
    const segments = decodePath(path)
    if (segments === undefined) return undefined
    const candidates = table.bySegments[segments.length] ?? table.beyond
    for (const template of candidates) if (fits(template.segments, segments)) return template.operation
    return undefined
  }
}

function methodTable(operations: readonly Operation[]): MethodTable {
  const templates = operations.flatMap(compileTemplate).sort(moreLiteralFirst)
  const longest = Math.max(0, ...templates.map((template) => template.segments.length))
  const bySegments: Template[][] = []
  for (let count = 0; count <= longest; count++) {
    bySegments.push(
      templates.filter(({ segments, rest }) => (rest ? segments.length <= count : segments.length === count)),
    )
  }
  return { bySegments, beyond: templates.filter(({ rest }) => rest) }
}

function compileTemplate(operation: Operation): Template[] {
  const segments = parseTemplate(operation.path)
  if (typeof segments === 'string') return []
  const letters = { literal: 'a', one: 'b', rest: 'c' } as const
  return [
    {
      operation,
      segments,
      rest: segments.at(-1)?.kind === 'rest',
      shape: segments.map((segment) => letters[segment.kind]).join(''),
      literals: segments.filter((segment) => segment.kind === 'literal').length,
    },
  ]
}

function moreLiteralFirst(a: Template, b: Template): number {
  if (a.literals !== b.literals) return b.literals - a.literals
  if (a.rest !== b.rest) return a.rest ? 1 : -1
  return a.shape < b.shape ? -1 : a.shape > b.shape ? 1 : 0
}

function fits(template: readonly Segment[], path: readonly string[]): boolean {
  for (let index = 0; index < template.length; index++) {
    const segment = template[index]
    const text = path[index]
    if (segment === undefined || text === undefined) return false
    if (segment.kind === 'literal') {
      if (segment.text !== text) return false
    } else if (text === '') {
      return false
    }
  }
  return true
}
