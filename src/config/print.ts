import { stringify } from 'yaml'
import type { Path } from './document.ts'
import type { Expanded } from './expanded.ts'
import { isSecretReference } from './references.ts'

/** The long form as YAML that can be loaded again. Secrets stand as the references that were written. */
export function printConfig(expanded: Expanded): string {
  return stringify(escaped(expanded, []), { lineWidth: 0 })
}

/** A copy without shared parts, which would become aliases. A text that holds `${` was written with `$${`, except where a reference to a secret stands. */
export function escaped(value: unknown, path: Path): unknown {
  if (Array.isArray(value)) return value.map((item, index) => escaped(item, [...path, index]))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, escaped(inner, [...path, key])]),
    )
  }
  return typeof value === 'string' && !isSecretReference(value, path)
    ? value.replaceAll('${', () => '$${')
    : value
}
