/** A name that a header may have (RFC 9110 §5.6.2). */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const primitives: readonly unknown[] = ['string', 'integer', 'boolean']
const annotation = 'x-mcp-header'

/** What stands below these is data, and means nothing as a schema. */
const data: readonly string[] = ['const', 'default', 'enum', 'example', 'examples']

/**
 * Clients repeat arguments in headers where a schema says so (MCP 2026-07-28, "Custom Headers from Tool Parameters").
 * Says whether a schema does it by the rules: on a string, integer or boolean that `properties` alone lead to, with a
 * name that a header may have and no other parameter has. Else the tool is no tool for any client.
 */
export function annotatesHeadersWell(schema: unknown): boolean {
  const names = new Set<string>()
  return isObject(schema) && !(annotation in schema) && walk(schema, { plain: true, depth: 0, names })
}

/** A header that repeats an argument, in lower case, and where the argument stands in a call. */
export interface RepeatedArgument {
  readonly header: string
  readonly pointer: readonly string[]
}

/** What a schema that annotates by the rules has repeated. */
export function repeatedBy(schema: unknown, at: readonly string[] = []): readonly RepeatedArgument[] {
  const properties = isObject(schema) ? schema['properties'] : undefined
  if (!isObject(properties) || at.length > deepest) return []
  return Object.entries(properties).flatMap(([name, property]) => {
    const pointer = [...at, name]
    const header = isObject(property) ? property[annotation] : undefined
    const own = typeof header === 'string' ? [{ header: `mcp-param-${header.toLowerCase()}`, pointer }] : []
    return [...own, ...repeatedBy(property, pointer)]
  })
}

/** As deep as a message of a client may be. */
const deepest = 64

interface Place {
  /** Nothing but `properties` leads here, so that every call has the parameter at one place, or has none. */
  readonly plain: boolean
  readonly depth: number
  /** Those of the headers so far. */
  readonly names: Set<string>
}

function walk(schema: Readonly<Record<string, unknown>>, at: Place): boolean {
  const below = { ...at, depth: at.depth + 1 }
  if (below.depth > deepest) return false
  return Object.entries(schema).every(([keyword, inner]) => {
    if (keyword === 'properties' && isObject(inner))
      return Object.values(inner).every((property) => judge(property, below))
    if (data.includes(keyword)) return true
    // A schema, several, or a map of them such as `$defs`: an annotation may stand in none.
    return [inner].flat().every((one) => judge(one, { ...below, plain: false }))
  })
}

function judge(schema: unknown, at: Place): boolean {
  if (!isObject(schema)) return true
  if (annotation in schema && !(at.plain && isNewName(schema, at.names))) return false
  return walk(schema, at)
}

function isNewName(property: Readonly<Record<string, unknown>>, names: Set<string>): boolean {
  const name = property[annotation]
  if (typeof name !== 'string' || !token.test(name) || !primitives.includes(property['type'])) return false
  // Header names are the same in either case.
  const folded = name.toLowerCase()
  if (names.has(folded)) return false
  names.add(folded)
  return true
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
