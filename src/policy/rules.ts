import { asksFor, type Facts, type Matcher, type RiskClass } from '../model/index.ts'
import { meets } from './parameters.ts'
import { ruleText } from './rule-text.ts'

/** A rule with the place where it is configured: `servers.crm.allow[0]`. */
export interface Rule {
  readonly place: string
  readonly matcher: Matcher
}

export function placed(place: string, matchers: readonly Matcher[]): readonly Rule[] {
  return matchers.map((matcher, index) => ({ place: `${place}[${index}]`, matcher }))
}

/** What rules are asked about. */
export interface Case {
  readonly facts: Facts
  readonly environment: string | undefined
  /** Absent where a session is meant: what is done within it is asked then. */
  readonly work?: RuledWork
}

/** What is to be done. A tunnel has no class that anybody could know. */
export interface RuledWork {
  readonly tool?: string
  readonly class?: RiskClass
  readonly labels: readonly string[]
}

/** Whether a rule is met, or cannot be told because a fact that it needs is absent or truncated. */
type Match = 'yes' | 'no' | 'unknown'
type Side = 'allow' | 'deny'

/** Does the matcher name what the case is about? */
function matches(matcher: Matcher, of: Case, side: Side): Match {
  switch (matcher.kind) {
    case 'anyone':
      return 'yes'
    case 'all':
    case 'any':
      return together(matcher, of, side)
    case 'group':
      return inGroup(matcher.value, of.facts, side)
    case 'user':
    case 'workload':
      return told(namesPrincipal(matcher, of.facts))
    case 'client':
      return told(of.facts.client === matcher.value)
    case 'tenant':
      return told(of.facts.principal.tenant === matcher.value)
    case 'environment':
      return same(of.environment, matcher.value)
    case 'workflow':
      return same(of.facts.workflow, matcher.value)
    default:
      return aboutWork(matcher, of, side)
  }
}

/** Three-valued: one part that is not met settles `all`, one that is met settles `any`. */
function together({ kind, of: parts }: Matcher & { kind: 'all' | 'any' }, of: Case, side: Side): Match {
  const settles = kind === 'all' ? 'no' : 'yes'
  let result: Match = kind === 'all' ? 'yes' : 'no'
  for (const part of parts) {
    const match = matches(part, of, side)
    if (match === settles) return match
    if (match === 'unknown') result = match
  }
  return result
}

const told = (met: boolean): Match => (met ? 'yes' : 'no')
const same = (fact: string | undefined, value: string): Match =>
  fact === undefined ? 'unknown' : told(fact === value)

/** A group that is listed is sure to deny even where the list is not whole; it allows only where it is. */
function inGroup(group: string, { groups, groupsComplete }: Facts, side: Side): Match {
  const listed = groups.includes(group)
  if (groupsComplete || (side === 'deny' && listed)) return told(listed)
  return 'unknown'
}

/** Issuer and subject together name a principal (design §1); the kinds stay apart. */
function namesPrincipal(
  matcher: Extract<Matcher, { kind: 'user' | 'workload' }>,
  { principal }: Facts,
): boolean {
  if (principal.kind !== matcher.kind || principal.subject !== matcher.value) return false
  return matcher.issuer === undefined || principal.issuer === matcher.issuer
}

type WorkMatcher = Extract<Matcher, { kind: 'tool' | 'label' | 'class' | 'parameter' }>

/** What is asked of the work alone. While none is known, a rule neither denies by it nor fails to allow by it. */
function aboutWork(matcher: WorkMatcher, { facts, work }: Case, side: Side): Match {
  const later = side === 'allow' ? 'yes' : 'no'
  if (work === undefined) return later
  switch (matcher.kind) {
    case 'tool':
      return told(work.tool === matcher.value)
    case 'label':
      return told(work.labels.includes(matcher.value))
    case 'class':
      return same(work.class, matcher.value)
    case 'parameter':
      if (work.tool === undefined) return 'no'
      if (facts.arguments === 'any') return later
      return facts.arguments === undefined ? 'unknown' : meets(matcher, facts.arguments)
  }
}

/** The first rule that surely names the case: what is not known never allows. */
export function firstAllowing(rules: readonly Rule[], of: Case): Rule | undefined {
  return rules.find((rule) => matches(rule.matcher, of, 'allow') === 'yes')
}

/** The same of rules that ask for a group, whatever else they ask for. */
export function firstAllowingGroup(rules: readonly Rule[], of: Case): Rule | undefined {
  return rules.find((rule) => asksFor(rule.matcher, 'group') && matches(rule.matcher, of, 'allow') === 'yes')
}

export interface Denying {
  readonly rule: Rule
  readonly reason: 'denied_by_rule' | 'groups_incomplete' | 'fact_absent'
}

/** The rule that denies: the first that surely names the case, else the first that cannot be ruled out. */
export function firstDenying(rules: readonly Rule[], of: Case): Denying | undefined {
  let open: Rule | undefined
  for (const rule of rules) {
    const match = matches(rule.matcher, of, 'deny')
    if (match === 'yes') return { rule, reason: 'denied_by_rule' }
    if (match === 'unknown') open ??= rule
  }
  return open === undefined ? undefined : { rule: open, reason: whyOpen(open, of) }
}

/** Would the whole list of groups rule it out? */
function whyOpen({ matcher }: Rule, of: Case): Denying['reason'] {
  const whole = { ...of, facts: { ...of.facts, groupsComplete: true } }
  return matches(matcher, whole, 'deny') === 'unknown' ? 'fact_absent' : 'groups_incomplete'
}

export function metNote(rule: Rule): string {
  return `${rule.place} (${ruleText(rule.matcher)}) is met`
}

export function denyingNote({ rule, reason }: Denying): string {
  if (reason === 'denied_by_rule') return metNote(rule)
  const why = reason === 'groups_incomplete' ? 'the groups are incomplete' : 'a fact that it needs is absent'
  return `${rule.place} (${ruleText(rule.matcher)}) cannot be ruled out: ${why}`
}

export function unmetNote(rules: readonly Rule[], { facts }: Case): string {
  const groups = facts.groupsComplete ? '' : '; the groups are incomplete, so no group rule matches'
  return `none of ${rules.length} allow rules is met${groups}`
}
