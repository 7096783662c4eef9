import type { Expanded, ExpandedOperation, ExpandedUse } from './expanded.ts'

interface Parts {
  readonly downstream: string
  readonly operation?: string
}

/** `orders GET /orders` in its two parts. */
export function partsOf(use: string | { readonly op: string }): Parts {
  const text = typeof use === 'string' ? use : use.op
  const blank = text.indexOf(' ')
  return blank < 0
    ? { downstream: text }
    : { downstream: text.slice(0, blank), operation: text.slice(blank + 1) }
}

/** `GET /orders` in its two parts. */
export function methodAndPath(op: string): { readonly method: string; readonly path: string } {
  const blank = op.indexOf(' ')
  return { method: op.slice(0, blank), path: op.slice(blank + 1) }
}

/** The operations that a use covers; none where it names nothing, which is a fault already. */
export function coveredBy(
  use: string | { readonly op: string },
  { downstreams }: Pick<Expanded, 'downstreams'>,
): readonly ExpandedOperation[] {
  const { downstream, operation } = partsOf(use)
  const operations = downstreams[downstream]?.operations ?? []
  return operation === undefined ? operations : operations.filter(({ op }) => op === operation)
}

/** A use with its members, whichever form it has. */
export function membersOf(use: string | ExpandedUse): ExpandedUse {
  return typeof use === 'string' ? { op: use } : use
}
