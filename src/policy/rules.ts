import type { Facts, Matcher } from '../model/index.ts'

/** A rule with the place where it is configured: `servers.crm.allow[0]`. */
export interface Rule {
  readonly place: string
  readonly matcher: Matcher
}

export function placed(place: string, matchers: readonly Matcher[]): readonly Rule[] {
  return matchers.map((matcher, index) => ({ place: `${place}[${index}]`, matcher }))
}

/** Whether a rule is met, or cannot be told because a fact that it needs is absent or truncated. */
type Match = 'yes' | 'no' | 'unknown'

/** Does the matcher name whom the facts are about? */
function matches(matcher: Matcher, facts: Facts): Match {
  switch (matcher.kind) {
    case 'anyone':
      return 'yes'
    case 'group':
      if (facts.groupsComplete) return facts.groups.includes(matcher.value) ? 'yes' : 'no'
      return 'unknown'
    case 'client':
      return facts.client === matcher.value ? 'yes' : 'no'
    case 'user':
    case 'workload':
      return namesPrincipal(matcher, facts) ? 'yes' : 'no'
  }
}

/** Issuer and subject together name a principal (design §1); the kinds stay apart. */
function namesPrincipal(
  matcher: Extract<Matcher, { kind: 'user' | 'workload' }>,
  { principal }: Facts,
): boolean {
  if (principal.kind !== matcher.kind || principal.subject !== matcher.value) return false
  return matcher.issuer === undefined || principal.issuer === matcher.issuer
}

/** The first rule that surely names the facts: what is not known never allows. */
export function firstAllowing(rules: readonly Rule[], facts: Facts): Rule | undefined {
  return rules.find((rule) => matches(rule.matcher, facts) === 'yes')
}

/**
 * The rule that denies: the first that surely names the facts, else the first that cannot be ruled out. A group that
 * is listed is sure even where the list is not whole.
 */
export function firstDenying(
  rules: readonly Rule[],
  facts: Facts,
): { rule: Rule; certain: boolean } | undefined {
  const certain = rules.find(({ matcher }) => matches(matcher, facts) === 'yes' || listed(matcher, facts))
  if (certain !== undefined) return { rule: certain, certain: true }
  const open = rules.find(({ matcher }) => matches(matcher, facts) === 'unknown')
  return open === undefined ? undefined : { rule: open, certain: false }
}

const listed = (matcher: Matcher, facts: Facts): boolean =>
  matcher.kind === 'group' && facts.groups.includes(matcher.value)

/** `group:crm-users`, as it is written in the configuration. */
function ruleText(matcher: Matcher): string {
  return matcher.kind === 'anyone' ? 'anyone' : `${matcher.kind}:${matcher.value}`
}

export function metNote(rule: Rule): string {
  return `${rule.place} (${ruleText(rule.matcher)}) names the principal`
}

export function denyingNote({ rule, certain }: { rule: Rule; certain: boolean }): string {
  return certain
    ? metNote(rule)
    : `${rule.place} (${ruleText(rule.matcher)}) cannot be ruled out: the groups are incomplete`
}

export function unmetNote(rules: readonly Rule[], facts: Facts): string {
  const groups = facts.groupsComplete ? '' : '; the groups are incomplete, so no group rule matches'
  return `none of ${rules.length} allow rules names the principal${groups}`
}
