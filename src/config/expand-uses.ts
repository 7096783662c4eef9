import { completeUse } from '../policy/index.ts'
import type { Path } from './document.ts'
import { present } from './expanding.ts'
import type { ExpandedUse } from './expanded.ts'
import type { Catalogue } from './operations.ts'
import type { Report } from './report.ts'
import type { WrittenConfig } from './schema/root.ts'
import { nearest } from './texts.ts'
import { methodAndPath, partsOf } from './uses.ts'

type WrittenUse = NonNullable<WrittenConfig['tools']>[string]['uses'][number]

export interface UseTerms {
  readonly catalogues: ReadonlyMap<string, Catalogue>
  readonly report: Report
}

/** A use with what the class of its operation implies. One that is a whole downstream stays so: each operation has its own. */
export function expandUse(written: WrittenUse, place: Path, terms: UseTerms): string | ExpandedUse {
  if (typeof written === 'string') {
    const op = expandOp(written, place, terms)
    const use = completed({ op }, terms)
    return Object.keys(use).length === 1 ? op : use
  }
  const { bind, free, rest, times, unbound } = written
  const op = expandOp(written.op, [...place, 'op'], terms)
  return completed({ op, ...present({ bind, free, rest, times, unbound: unbound || undefined }) }, terms)
}

function completed(use: ExpandedUse, { catalogues }: UseTerms): ExpandedUse {
  const { downstream, operation } = partsOf(use)
  const found = operation === undefined ? undefined : catalogues.get(downstream)?.find(operation)
  if (found === undefined) return use
  return completeUse(use, { path: methodAndPath(found.op).path, class: found.class })
}

/** `orders listOrders` becomes `orders GET /orders`. A fault where it names nothing. */
export function expandOp(text: string, place: Path, { catalogues, report }: UseTerms): string {
  const [, name = '', operation] = /^(\S+)(?: +(\S.*))?$/.exec(text) ?? []
  const known = catalogues.get(name)
  if (known === undefined) {
    const near = nearest(name, [...catalogues.keys()])
    report.fault(
      place,
      'this names no downstream',
      near === undefined ? 'begin with the name of a downstream' : `did you mean "${near}"?`,
    )
    return text
  }
  if (known.operations.length === 0) {
    report.fault(
      place,
      `the downstream ${name} has no operations`,
      `list them under downstreams.${name}.operations, or give it openapi`,
    )
    return text
  }
  if (operation === undefined) return name
  const found = known.find(operation)
  if (found !== undefined) return `${name} ${found.op}`
  const near = known.suggest(operation)
  const remedy = `list it under downstreams.${name}.operations with its class`
  report.fault(
    place,
    `the downstream ${name} has no such operation`,
    near === undefined ? remedy : `did you mean "${name} ${near}"? Else ${remedy}`,
  )
  return text
}
