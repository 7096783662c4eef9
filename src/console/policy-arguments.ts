import type { JsonObject, Json, Matcher, ParameterTest, Server } from '../model/index.ts'

type ParameterMatcher = Extract<Matcher, { kind: 'parameter' }>

/** Beyond so many the questions would be more than anybody reads. */
const most = 200

/**
 * Parameters on either side of every bound that rules name, so that two configurations that differ in a bound are seen to
 * differ: each parameter is varied by itself, and the others have a value that their first test is met by.
 */
export function argumentsAround(servers: readonly Server[]): readonly JsonObject[] {
  const matchers = servers.flatMap(({ allow, deny, tools }) => [
    ...allow,
    ...deny,
    ...tools.flatMap((tool) => [...(tool.allow ?? []), ...(tool.deny ?? [])]),
  ])
  const around = new Map<string, { readonly pointer: readonly string[]; readonly values: Json[] }>()
  for (const { pointer, tests } of matchers.flatMap(parametersIn)) {
    const key = JSON.stringify(pointer)
    const known = around.get(key) ?? { pointer, values: [] }
    known.values.push(...tests.flatMap(valuesAround))
    around.set(key, known)
  }
  const all = [...around.values()]
  const usual = all.reduce<JsonObject>(
    (args, { pointer, values }) => withValue(args, pointer, values[0] ?? ''),
    {},
  )
  return all
    .flatMap(({ pointer, values }) => [...new Set(values)].map((value) => withValue(usual, pointer, value)))
    .slice(0, most)
}

function parametersIn(matcher: Matcher): readonly ParameterMatcher[] {
  if (matcher.kind === 'all' || matcher.kind === 'any') return matcher.of.flatMap(parametersIn)
  return matcher.kind === 'parameter' ? [matcher] : []
}

function valuesAround(test: ParameterTest): readonly Json[] {
  switch (test.test) {
    case 'in':
      return [...test.values, 'something else']
    case 'begins':
      return [test.value, `not ${test.value}`]
    case 'present':
      return ['something']
    default:
      return [test.value, test.value + 1, test.value - 1]
  }
}

function withValue(args: JsonObject, [step, ...rest]: readonly string[], value: Json): JsonObject {
  if (step === undefined) return args
  if (rest.length === 0) return { ...args, [step]: value }
  const inner = args[step]
  const held =
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as JsonObject) : {}
  return { ...args, [step]: withValue(held, rest, value) }
}
