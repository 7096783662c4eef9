import { type Matcher, type ParameterTest, riskOrder } from '../model/index.ts'
import { parseParameter } from '../policy/index.ts'
import type { RuleMap, WhereTest, WrittenRule } from './schema/rules.ts'

/** What a rule can name with one word before the colon. */
export const ruleKinds = [
  'group',
  'user',
  'client',
  'workload',
  'tenant',
  'environment',
  'workflow',
  'class',
  'label',
  'tool',
] as const
type RuleKind = (typeof ruleKinds)[number]

/** `group:crm-users` and its like as a matcher, or why it is none. */
export function parseRule(text: string): Matcher | string {
  if (text === 'anyone') return { kind: 'anyone' }
  const [, word, value] = /^([a-z]+):(.+)$/s.exec(text) ?? []
  const kind = ruleKinds.find((it) => it === word)
  return kind === undefined || value === undefined ? 'this is no rule' : parseName(kind, value)
}

/** One name of a kind, as a matcher, or why it is none. */
export function parseName(kind: RuleKind, value: string): Matcher | string {
  if (/^\s|\s$|\p{Cc}/u.test(value) || value === '')
    return 'the name in the rule is empty, begins or ends with a blank, or holds controls'
  if (value.includes('*')) return 'a rule names one thing; there are no patterns'
  if (kind === 'class') {
    const risk = riskOrder.find((it) => it === value)
    return risk === undefined ? 'this is no class' : { kind, value: risk }
  }
  if (kind !== 'workload') return { kind, value }
  const [, issuer, subject] = /^(https?:\/\/\S+) (\S+)$/.exec(value) ?? []
  return issuer === undefined || subject === undefined ? { kind, value } : { kind, value: subject, issuer }
}

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
