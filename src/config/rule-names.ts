import { type Matcher, riskOrder } from '../model/index.ts'

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
export type RuleKind = (typeof ruleKinds)[number]

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
