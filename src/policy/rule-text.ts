import type { Matcher, ParameterTest } from '../model/index.ts'

/** A rule as people read it: `group:crm-users`, or `group:crm-users and amount above 500`. */
export function ruleText(matcher: Matcher): string {
  switch (matcher.kind) {
    case 'anyone':
      return 'anyone'
    case 'all':
      return matcher.of.map((it) => (it.kind === 'any' ? `(${ruleText(it)})` : ruleText(it))).join(' and ')
    case 'any':
      return matcher.of.map(ruleText).join(' or ')
    case 'parameter':
      return matcher.tests.map((it) => `${nameOf(matcher.pointer)} ${testText(it)}`).join(' and ')
    default:
      return `${matcher.kind}:${matcher.value}`
  }
}

const nameOf = (pointer: readonly string[]): string =>
  pointer.length === 1 ? (pointer[0] ?? '') : `/${pointer.join('/')}`

function testText(test: ParameterTest): string {
  switch (test.test) {
    case 'in':
      return `is ${test.values.map((it) => JSON.stringify(it)).join(' or ')}`
    case 'present':
      return test.value ? 'is present' : 'is absent'
    case 'least':
    case 'most':
      return `is at ${test.test} ${test.value}`
    default:
      return `${test.test === 'begins' ? '' : 'is '}${test.test}${test.test === 'begins' ? ' with' : ''} ${JSON.stringify(test.value)}`
  }
}
