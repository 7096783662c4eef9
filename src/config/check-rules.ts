import type { Matcher } from '../model/index.ts'
import type { Path } from './document.ts'
import type { Expanded, ExpandedRule, ExpandedServer } from './expanded.ts'
import type { Report } from './report.ts'
import { matcherOf } from './rules.ts'
import { nearest } from './texts.ts'

/** Rules that could never be met, or never count, are said: whoever wrote them believes that they hold. */
export function checkRules(server: ExpandedServer, path: Path, config: Expanded, report: Report): void {
  const known = knownTo(server, config)
  const lists = (rules: Lists, at: Path, terms: Known) => {
    const deny = readList(rules.deny ?? [], [...at, 'deny'])
    const allow = readList(rules.allow ?? [], [...at, 'allow'])
    for (const rule of [...deny, ...allow]) checkNames(rule, terms, report)
    for (const list of [deny, allow]) checkShadowed(list, report)
    checkDenied(allow, deny, report)
  }
  lists(server, path, known)
  for (const [name, tool] of Object.entries(server.tools))
    lists(tool, [...path, 'tools', name], { ...known, tool: name })
}

interface Lists {
  readonly allow?: readonly ExpandedRule[]
  readonly deny?: readonly ExpandedRule[]
}

interface PlacedRule {
  readonly place: Path
  readonly matcher: Matcher
}

function readList(written: readonly ExpandedRule[], path: Path): readonly PlacedRule[] {
  return written.flatMap((rule, index) => {
    const matcher = matcherOf(rule)
    return matcher === undefined ? [] : [{ place: [...path, index], matcher }]
  })
}

/** What rules can name at a server. */
interface Known {
  readonly tools: readonly string[]
  readonly labels: readonly string[]
  readonly environment: string
  readonly tenant: string
  readonly workflows: boolean
  /** Where the rules are those of one tool. */
  readonly tool?: string
}

function knownTo(server: ExpandedServer, { tenant, login, workloads }: Expanded): Known {
  return {
    tools: Object.keys(server.tools),
    labels: [...new Set(Object.values(server.tools).flatMap(({ labels = [] }) => labels))],
    environment: server.environment,
    tenant,
    workflows: [login, ...workloads].some((it) => it?.workflow !== undefined),
  }
}

function checkNames({ place, matcher }: PlacedRule, known: Known, report: Report): void {
  for (const leaf of leavesOf(matcher)) {
    const [problem, remedy] = faultIn(leaf, matcher, known) ?? []
    if (problem !== undefined && remedy !== undefined) report.fault(place, problem, remedy)
    const idle = idleIn(leaf, known)
    if (idle !== undefined) report.warn(place, idle, 'keep it where the file serves several, or remove it')
  }
}

type Fault = readonly [problem: string, remedy: string]

function faultIn(leaf: Matcher, rule: Matcher, known: Known): Fault | undefined {
  const { tool, tools, labels, workflows } = known
  switch (leaf.kind) {
    case 'tool':
    case 'label':
    case 'class':
      if (tool !== undefined)
        return [`the rule stands under a tool, which settles its ${leaf.kind}`, 'remove this condition']
      if (leaf.kind === 'tool' && !tools.includes('*')) return unknownName(leaf.value, tools, 'tool')
      return leaf.kind === 'label' ? unknownName(leaf.value, labels, 'label') : undefined
    case 'workflow':
      return workflows
        ? undefined
        : ['nothing says which workflow somebody works in', 'name the claim at login.workflow or workloads']
    case 'parameter':
      return tool !== undefined || leavesOf(rule).some(({ kind }) => kind === 'tool')
        ? undefined
        : [
            'parameters are those of a tool, and the rule names none',
            'name the tool, or write the rule under it',
          ]
    default:
      return undefined
  }
}

function unknownName(name: string, known: readonly string[], kind: string): Fault | undefined {
  if (known.includes(name)) return undefined
  const near = nearest(name, known)
  return [
    `no tool of this server ${kind === 'tool' ? 'has this name' : 'has this label'}`,
    near === undefined ? `give a ${kind} that is configured` : `did you mean ${JSON.stringify(near)}?`,
  ]
}

function idleIn(leaf: Matcher, { environment, tenant }: Known): string | undefined {
  if (leaf.kind === 'environment' && leaf.value !== environment)
    return 'this server has another environment, so the condition is never met here'
  if (leaf.kind === 'tenant' && leaf.value !== tenant)
    return 'this is another tenant, so the condition is never met here'
  return undefined
}

function leavesOf(matcher: Matcher): readonly Matcher[] {
  return matcher.kind === 'all' || matcher.kind === 'any' ? matcher.of.flatMap(leavesOf) : [matcher]
}

/** Is one met whenever the other is? False where that cannot be seen from the names alone. */
function covers(wide: Matcher, narrow: Matcher): boolean {
  if (wide.kind === 'anyone') return true
  if (narrow.kind === 'any') return narrow.of.every((it) => covers(wide, it))
  if (wide.kind === 'any') return wide.of.some((it) => covers(it, narrow))
  if (wide.kind === 'all') return wide.of.every((it) => covers(it, narrow))
  if (narrow.kind === 'all') return narrow.of.some((it) => covers(wide, it))
  return JSON.stringify(wide) === JSON.stringify(narrow)
}

/** Beyond so many rules of several conditions each pair of them is not compared: that would take too long. */
const mostCompared = 300

/** Finds what covers a rule: one name by looking it up, several conditions one by one. */
function coveringIn(rules: readonly PlacedRule[]): (rule: PlacedRule) => PlacedRule | undefined {
  const simple = new Map<string, PlacedRule>()
  for (const rule of rules) {
    const key = JSON.stringify(rule.matcher)
    if (rule.matcher.kind !== 'all' && !simple.has(key)) simple.set(key, rule)
  }
  const composed = rules.filter(({ matcher }) => matcher.kind === 'all' || matcher.kind === 'any')
  const anyone = rules.find(({ matcher }) => matcher.kind === 'anyone')
  return (rule) => {
    const parts = rule.matcher.kind === 'all' ? rule.matcher.of : [rule.matcher]
    const named = parts
      .map((it) => simple.get(JSON.stringify(it)))
      .find((it) => it !== undefined && it !== rule)
    if (anyone !== undefined && anyone !== rule) return anyone
    if (named !== undefined || composed.length > mostCompared) return named
    return composed.find((it) => it !== rule && covers(it.matcher, rule.matcher))
  }
}

function checkShadowed(rules: readonly PlacedRule[], report: Report): void {
  const covering = coveringIn(rules)
  for (const rule of rules) {
    if (covering(rule) !== undefined)
      report.warn(
        rule.place,
        'another rule of this list covers it, so it never counts',
        'remove one of the two',
      )
  }
}

function checkDenied(allow: readonly PlacedRule[], deny: readonly PlacedRule[], report: Report): void {
  const covering = coveringIn(deny)
  for (const rule of allow) {
    const by = covering(rule)
    if (by !== undefined)
      report.warn(rule.place, 'a deny rule covers it, so it allows nobody', 'remove one of the two')
  }
}
