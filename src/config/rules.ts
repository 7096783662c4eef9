import type { Matcher, ParameterTest } from '../model/index.ts'
import { parseParameter } from '../policy/index.ts'
import { parseName, parseRule, type RuleKind, ruleKinds } from './rule-names.ts'
import type { RuleMap, WhereTest, WrittenRule } from './schema/rules.ts'

/** A rule of either form as a matcher. Undefined where it does not parse, which the schema has said. */
export function matcherOf(written: WrittenRule): Matcher | undefined {
  if (typeof written === 'string') return matcherOrNone(parseRule(written))
  const parts = ruleKinds.flatMap((kind) => namesOf(written, kind))
  const { where = {} } = written
  const all = [...parts, ...Object.entries(where).flatMap(([name, test]) => parameterOf(name, test))]
  return all.length === 1 ? all[0] : { kind: 'all', of: all }
}

function namesOf(written: RuleMap, kind: RuleKind): readonly Matcher[] {
  const names = written[kind]
  if (names === undefined) return []
  const of = [names].flat().flatMap((name) => matcherOrNone(parseName(kind, name)) ?? [])
  return of.length === 1 ? of : [{ kind: 'any', of }]
}

const matcherOrNone = (parsed: Matcher | string): Matcher | undefined =>
  typeof parsed === 'string' ? undefined : parsed

function parameterOf(name: string, written: WhereTest): readonly Matcher[] {
  const pointer = parseParameter(name)
  return typeof pointer === 'string' ? [] : [{ kind: 'parameter', pointer, tests: testsOf(written) }]
}

/** `EUR` and `[EUR, USD]` are short for `{ is: … }`. */
function testsOf(written: WhereTest): readonly ParameterTest[] {
  if (typeof written !== 'object' || written === null || Array.isArray(written))
    return [{ test: 'in', values: [written].flat() }]
  const { is, begins, present } = written
  const bounds = (['above', 'below', 'least', 'most'] as const).flatMap((test) => {
    const value = written[test]
    return value === undefined ? [] : [{ test, value }]
  })
  return [
    ...(is === undefined ? [] : [{ test: 'in' as const, values: [is].flat() }]),
    ...bounds,
    ...(begins === undefined ? [] : [{ test: 'begins' as const, value: begins }]),
    ...(present === undefined ? [] : [{ test: 'present' as const, value: present }]),
  ]
}
