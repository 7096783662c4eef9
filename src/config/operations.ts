import { stricter } from '../model/index.ts'
import { operationId, parseTemplate } from '../policy/index.ts'
import type { Path } from './document.ts'
import type { ExpandedOperation } from './expanded.ts'
import type { OpenApiOperation } from './openapi.ts'
import type { Report } from './report.ts'
import { nearest } from './texts.ts'

/** The operations of one downstream, by what `uses` may call them. */
export interface Catalogue {
  readonly operations: readonly ExpandedOperation[]
  /** Canonical `GET /orders/{id}` of a text or an operationId, or undefined. */
  find(text: string): ExpandedOperation | undefined
  /** What a misspelt one is likely to mean. */
  suggest(text: string): string | undefined
}

/** `GET /orders/{id}` in parts, or why it is none. */
function parseOperation(text: string): { readonly method: string; readonly path: string } | string {
  const [, method, path] = /^(\S+) +(\S+)$/.exec(text) ?? []
  if (method === undefined || path === undefined) return 'this is no method and path'
  if (!/^[A-Z]{1,20}$/.test(method)) return 'the method is not in capitals'
  const segments = parseTemplate(path)
  return typeof segments === 'string' ? segments : { method, path }
}

/** Two templates of one shape are the same operation: only the names of their parameters differ. */
function shapeOf(method: string, path: string): string {
  const segments = parseTemplate(path)
  if (typeof segments === 'string') return operationId(method, path)
  const texts = segments.map((it) => (it.kind === 'literal' ? `=${it.text}` : it.kind))
  return operationId(method, texts.join('/'))
}

/**
 * What is written and what OpenAPI proposes as one list; what is written wins. A fault for what is no operation and
 * for two of one shape.
 */
export function catalogue(
  written: readonly ExpandedOperation[],
  proposed: readonly OpenApiOperation[],
  path: Path,
  report: Report,
): Catalogue {
  const byShape = new Map<string, ExpandedOperation>()
  for (const [index, { op, class: risk }] of written.entries()) {
    const place = [...path, 'operations', index, 'op']
    const parsed = parseOperation(op)
    if (typeof parsed === 'string') {
      report.fault(place, parsed, 'write a method in capitals and a path template: GET /orders/{id}')
      continue
    }
    const shape = shapeOf(parsed.method, parsed.path)
    if (byShape.has(shape))
      report.fault(
        place,
        'this operation stands twice',
        'keep one of the two; names of parameters do not tell them apart',
      )
    byShape.set(shape, { op: operationId(parsed.method, parsed.path), class: risk })
  }
  const own = new Set(byShape.keys())
  const byName = new Map<string, string>()
  for (const { name, method, path: template, class: risk } of proposed) {
    const shape = shapeOf(method, template)
    const { op, class: former } = byShape.get(shape) ?? { op: operationId(method, template), class: risk }
    // Of two that are proposed for one operation the later class counts.
    byShape.set(shape, { op, class: own.has(shape) ? former : stricter(former, risk) })
    if (name !== undefined) byName.set(name, shape)
  }
  const operations = [...byShape.values()]
  return {
    operations,
    find: (text) => byShape.get(byName.get(text) ?? '') ?? operations.find(({ op }) => op === text),
    suggest: (text) => nearest(text, [...byName.keys(), ...operations.map(({ op }) => op)]),
  }
}
