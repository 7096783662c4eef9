/** Strict JSON Schemas for kubeconform, one a kind, out of Kubernetes' OpenAPI description. */

const prefix = '#/definitions/'

/** File name and schema of each kind that a manifest can name. */
export function* schemasOf({ definitions }) {
  const strict = Object.fromEntries(
    Object.entries(definitions).map(([name, schema]) => [name, tighten(name, schema)]),
  )
  for (const [name, { 'x-kubernetes-group-version-kind': kinds = [] }] of Object.entries(definitions)) {
    for (const { group, version, kind } of kinds) {
      const suffix = group === '' ? version : `${group.split('.')[0]}-${version}`
      const needed = Object.fromEntries([...reach(name, strict)].map((each) => [each, strict[each]]))
      yield [`${kind}-${suffix}.json`.toLowerCase(), { $ref: prefix + name, definitions: needed }]
    }
  }
}

/** OpenAPI leaves unknown fields open, and calls text what may be a number too. */
function tighten(name, schema) {
  if (name.endsWith('.IntOrString') || name.endsWith('.Quantity'))
    return { type: ['string', 'integer', 'number'] }
  if (schema.properties === undefined) return schema
  return { ...schema, additionalProperties: schema.additionalProperties ?? false }
}

function reach(name, definitions, seen = new Set()) {
  if (seen.has(name)) return seen
  seen.add(name)
  JSON.stringify(definitions[name], (key, value) => {
    if (key === '$ref' && typeof value === 'string') reach(value.slice(prefix.length), definitions, seen)
    return value
  })
  return seen
}
