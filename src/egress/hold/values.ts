import type { Json, JsonObject } from '../../model/index.ts'

/** Equal in every member, in whatever order they stand. Types are not converted: 42 is not "42". */
export function sameJson(one: Json, other: Json): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return one === other
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other)) return false
    const [left, right] = [one as readonly Json[], other as readonly Json[]]
    return left.length === right.length && left.every((it, index) => sameJson(it, right[index] ?? null))
  }
  const [left, right] = [Object.entries(one), other as JsonObject]
  return (
    left.length === Object.keys(right).length &&
    left.every(([name, it]) => Object.hasOwn(right, name) && sameJson(it, right[name] ?? null))
  )
}

/** Is the text how this value is written where there is only text: in a path, a query, a form? */
export function sameText(text: string, value: Json): boolean {
  if (typeof value === 'string') return text === value
  return (typeof value === 'number' || typeof value === 'boolean') && text === String(value)
}
