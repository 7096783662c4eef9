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
  /** These three together say a request; without them it is asked whether the tool may be called at all. */
  readonly downstream?: string
  readonly method?: string
  /** The path below the downstream's base path, percent-encoded, without a query. */
  readonly path?: string
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
  const facts = factsOf(words, terms)
  if (typeof facts === 'string') {
    say(output, { ok: false, error: facts }, () => [facts])
    return exit.usage
  }
  const explanation = explanationOf(facts, terms.policy)
  say(output, explanation, () => linesOf(explanation))
  return explanation.decision === 'allow' ? exit.done : exit.denied
}

/** What decides a request, or whether a tool may be called. */
export function explanationOf(facts: Facts, policy: Policy): Explanation {
  return facts.downstream === undefined ? policy.explainCall(facts) : policy.explain(facts)
}

/** The facts of a question, or why it cannot be put. */
export function factsOf(words: ExplainWords, terms: ExplainTerms): Facts | string {
  const principal = principalOf(words, terms)
  if (typeof principal === 'string') return principal
  const server = words.server ?? (terms.servers.length === 1 ? terms.servers[0] : undefined)
  if (server === undefined) return 'there are several servers: say which with --server'
  const request = requestOf(words, server, terms)
  if (typeof request === 'string') return request
  const { tool } = words
  return {
    principal,
    client: words.client ?? 'unnamed',
    server,
    groups: words.groups,
    groupsComplete: words.groupsIncomplete !== true,
    ...(tool === undefined ? {} : { tool }),
    ...(tool !== undefined && terms.underReview?.(server, tool) === true ? { underReview: true } : {}),
    ...(words.class === undefined ? {} : { class: words.class }),
    ...request,
  }
}

/** The facts of the request that is asked about; none where only the call of a tool is. */
function requestOf(
  { tool, downstream: name, method, path }: ExplainWords,
  server: string,
  { policy }: ExplainTerms,
): Pick<Facts, 'downstream' | 'operation' | 'audienceGranted'> | string {
  if (name === undefined || method === undefined || path === undefined) {
    const given = [name, method, path].some((it) => it !== undefined)
    if (given || tool === undefined)
      return 'say what is asked for with --downstream, --method and --path, or a call alone with --tool'
    return {}
  }
  const downstream = policy.downstream(name)
  const operation =
    downstream === undefined ? undefined : policy.match(downstream, method.toUpperCase(), path)
  return {
    downstream: name,
    ...(operation === undefined ? {} : { operation }),
    audienceGranted: policy.reachable(server).includes(name),
  }
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
    `policy ${it.policy}`,
  ]
}
