import type { Facts, Principal, RiskClass } from '../model/index.ts'
import type { Explanation, Policy } from '../policy/index.ts'
import { exit, type ExitCode, type Output, say } from './output.ts'

/** The question: may this principal do that? */
export interface ExplainWords {
  readonly server?: string
  readonly user?: string
  readonly workload?: string
  readonly issuer?: string
  readonly groups: readonly string[]
  /** The list of groups is not whole, as when an IdP cuts it. */
  readonly groupsIncomplete?: boolean
  readonly client?: string
  readonly tool?: string
  readonly class?: RiskClass
  readonly downstream: string
  readonly method: string
  /** The path below the downstream's base path, percent-encoded, without a query. */
  readonly path: string
}

export interface ExplainTerms {
  readonly policy: Policy
  readonly tenant: string
  /** The login's issuer: users are its, unless the question names another. */
  readonly issuer: string
  readonly workloadIssuers: readonly string[]
  readonly servers: readonly string[]
}

/**
 * Put a question to the function that decides every request, and show its steps. The token is taken to name every
 * downstream that the policy lets it name. Exit codes: 0 allowed, 3 denied, 2 a question that cannot be put.
 */
export function explain(words: ExplainWords, terms: ExplainTerms, output: Output): ExitCode {
  const facts = factsOf(words, terms)
  if (typeof facts === 'string') {
    say(output, { ok: false, error: facts }, () => [facts])
    return exit.usage
  }
  const explanation = terms.policy.explain(facts)
  say(output, explanation, () => linesOf(explanation))
  return explanation.decision === 'allow' ? exit.done : exit.denied
}

/** The facts of a question, or why it cannot be put. */
export function factsOf(words: ExplainWords, terms: ExplainTerms): Facts | string {
  const principal = principalOf(words, terms)
  if (typeof principal === 'string') return principal
  const server = words.server ?? (terms.servers.length === 1 ? terms.servers[0] : undefined)
  if (server === undefined) return 'there are several servers: say which with --server'
  const { policy } = terms
  const downstream = policy.downstream(words.downstream)
  const operation =
    downstream === undefined ? undefined : policy.match(downstream, words.method.toUpperCase(), words.path)
  const asked = {
    principal,
    client: words.client ?? 'unnamed',
    server,
    groups: words.groups,
    groupsComplete: words.groupsIncomplete !== true,
    downstream: words.downstream,
    ...(operation === undefined ? {} : { operation }),
    ...(words.tool === undefined ? {} : { tool: words.tool }),
    ...(words.class === undefined ? {} : { class: words.class }),
  }
  return { ...asked, audienceGranted: policy.reachable(server).includes(words.downstream) }
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
    ...(it.decision === 'allow' ? [] : [it.sentence]),
    ...it.steps.map(({ step, held, note }) => `  ${held ? '✓' : '✗'} ${step.padEnd(width)}  ${note}`),
    `policy ${it.policy}`,
  ]
}
