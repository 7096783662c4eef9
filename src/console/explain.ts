import type { Facts, Principal, RiskClass } from '../model/index.ts'
import type { Explanation, Policy } from '../policy/index.ts'
import { type Asked, askedOf, type AskedWords, factsOfAsked } from './asked.ts'
import { explainHeld, type Explained } from './explain-held.ts'
import { exit, type ExitCode, type Output, say } from './output.ts'

/** The question: may this principal do that? */
export interface ExplainWords extends AskedWords {
  readonly server?: string
  readonly user?: string
  readonly workload?: string
  readonly issuer?: string
  readonly groups: readonly string[]
  /** The list of groups is not whole, as when an IdP cuts it. */
  readonly groupsIncomplete?: boolean
  readonly client?: string
  /** As the claim that is configured for it would name it. */
  readonly workflow?: string
  readonly class?: RiskClass
}

export interface ExplainTerms {
  readonly policy: Policy
  readonly tenant: string
  /** The login's issuer: users are its, unless the question names another. */
  readonly issuer: string
  readonly workloadIssuers: readonly string[]
  readonly servers: readonly string[]
  /** Tools whose definition is known to be another than they are held to. */
  readonly underReview?: (server: string, tool: string) => boolean
}

/**
 * Put a question to the function that decides every request, and show its steps. The token is taken to name every
 * downstream that the policy lets it name. Exit codes: 0 allowed, 3 denied, 2 a question that cannot be put.
 */
export function explain(words: ExplainWords, terms: ExplainTerms, output: Output): ExitCode {
  const question = questionOf(words, terms)
  if (typeof question === 'string') {
    say(output, { ok: false, error: question }, () => [question])
    return exit.usage
  }
  const explanation = explanationOf(question, terms.policy)
  say(output, explanation, () => linesOf(explanation))
  return explanation.decision === 'allow' ? exit.done : exit.denied
}

/** A question, ready to be decided. */
export interface Question {
  readonly facts: Facts
  readonly asked: Asked
}

/** What decides a request, or whether a tool may be called; and what the egress would then do with the request. */
export function explanationOf({ facts, asked }: Question, policy: Policy): Explained {
  if (facts.downstream === undefined) return policy.explainCall(facts)
  return explainHeld(policy.explain(facts), asked, facts, policy)
}

/** The question in the words of those who decide, or why it cannot be put. */
export function questionOf(words: ExplainWords, terms: ExplainTerms): Question | string {
  const principal = principalOf(words, terms)
  if (typeof principal === 'string') return principal
  const server = words.server ?? (terms.servers.length === 1 ? terms.servers[0] : undefined)
  if (server === undefined) return 'there are several servers: say which with --server'
  const asked = askedOf(words, server, terms.policy)
  if (typeof asked === 'string') return asked
  const { tool } = words
  const facts = {
    principal,
    client: words.client ?? 'unnamed',
    server,
    groups: words.groups,
    groupsComplete: words.groupsIncomplete !== true,
    ...(words.workflow === undefined ? {} : { workflow: words.workflow }),
    ...(tool === undefined ? {} : { tool }),
    ...(tool !== undefined && terms.underReview?.(server, tool) === true
      ? { underReview: true as const }
      : {}),
    ...(words.class === undefined ? {} : { class: words.class }),
    ...factsOfAsked(asked, server, terms.policy),
  }
  return { facts, asked }
}

function principalOf(
  words: ExplainWords,
  { tenant, issuer, workloadIssuers }: ExplainTerms,
): Principal | string {
  const { user, workload } = words
  if (user !== undefined && workload === undefined) {
    return { kind: 'user', tenant, issuer: words.issuer ?? issuer, subject: user }
  }
  if (workload === undefined || user !== undefined)
    return 'say whom it is about with --user or --workload, one of them'
  const named = words.issuer ?? (workloadIssuers.length === 1 ? workloadIssuers[0] : undefined)
  if (named === undefined) return 'say with --issuer who issued the token of the workload'
  return { kind: 'workload', tenant, issuer: named, subject: workload }
}

function linesOf(it: Explanation): readonly string[] {
  const width = Math.max(...it.steps.map(({ step }) => step.length))
  return [
    `${it.decision === 'allow' ? 'allowed' : 'denied'}: ${it.reason}, by ${it.rule}`,
    ...(it.observed === undefined
      ? []
      : [`observed: it would be denied with ${it.observed.reason}, by ${it.observed.rule}`]),
    ...(it.decision === 'allow' ? [] : [it.sentence]),
    ...it.steps.map(({ step, held, note }) => `  ${held ? '✓' : '✗'} ${step.padEnd(width)}  ${note}`),
    ...(it.remedy === undefined ? [] : [`would change it: ${it.remedy}`]),
    `policy ${it.policy}`,
  ]
}
