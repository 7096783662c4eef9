import { type Json, type JsonObject, type Matcher, type ParameterTest, parameterAt } from '../model/index.ts'

type ParameterMatcher = Extract<Matcher, { kind: 'parameter' }>

/**
 * Is a parameter of the call what the rule says? A parameter that is absent, or of a type that the test cannot judge, is not
 * told: such a call is denied by a deny rule and not allowed by an allow rule.
 */
export function meets({ pointer, tests }: ParameterMatcher, args: JsonObject): 'yes' | 'no' | 'unknown' {
  const value = parameterAt(args, pointer)
  let result: 'yes' | 'unknown' = 'yes'
  for (const test of tests) {
    const met = judge(test, value)
    if (met === false) return 'no'
    if (met === undefined) result = 'unknown'
  }
  return result
}

function judge(test: ParameterTest, value: Json | undefined): boolean | undefined {
  if (test.test === 'present') return (value !== undefined) === test.value
  if (value === undefined) return undefined
  if (test.test === 'in') return isAmong(test.values, value)
  if (test.test === 'begins') return typeof value === 'string' ? value.startsWith(test.value) : undefined
  return typeof value === 'number' ? compare(test.test, value, test.value) : undefined
}

/** Types are not converted, and a server might: another type than all of the values have cannot be told. */
function isAmong(values: readonly (string | number | boolean | null)[], value: Json): boolean | undefined {
  if (values.some((it) => it === value)) return true
  const types = values.filter((it) => it !== null).map((it) => typeof it)
  if (value === null || types.length === 0) return false
  return types.some((it) => it === typeof value) ? false : undefined
}

function compare(test: 'above' | 'below' | 'least' | 'most', value: number, bound: number): boolean {
  switch (test) {
    case 'above':
      return value > bound
    case 'below':
      return value < bound
    case 'least':
      return value >= bound
    case 'most':
      return value <= bound
  }
}
