import { type Clock, type GuardedFetch, SallyportError, type Seconds, seconds } from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { LoginIssuer, WorkloadIssuer } from './identity.ts'
import { type IssuerKeys, localKeys, remoteKeys } from './issuer-keys.ts'
import { acceptedTypes } from './token-type.ts'

/** What a JWT may be signed with at all: asymmetric only, and no RSA or curve below today's strength. */
export const asymmetricAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export const defaultAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const

/** However large a skew is configured, no more than this is given. */
const maxSkew = seconds(60)
const workloadSkew = seconds(30)

/** A rule of one workload issuer with its patterns compiled. */
interface WorkloadRule {
  readonly audience: string
  readonly workflowClaim?: string
  matches(subject: string): boolean
}

/** Everything known of one issuer: whose tokens it makes, how they look, and its keys. */
export interface Issuer {
  readonly issuer: string
  readonly login?: LoginIssuer
  readonly workloads: readonly WorkloadRule[]
  readonly algorithms: readonly string[]
  /** Types of users' and of workloads' tokens; empty where the issuer makes none of that kind. */
  readonly types: { readonly user: ReadonlySet<string>; readonly workload: ReadonlySet<string> }
  readonly skew: Seconds
  readonly keys: IssuerKeys
}

export interface IssuerOptions {
  readonly logins: readonly LoginIssuer[]
  readonly workloads: readonly WorkloadIssuer[]
}

export interface IssuerDeps {
  readonly fetch: GuardedFetch
  readonly clock: Clock
  readonly log: Log
}

/**
 * The issuers by their exact name. Nothing is fetched here: discovery waits for the first token of an issuer.
 * @throws config_invalid
 */
export function openIssuers(options: IssuerOptions, deps: IssuerDeps): ReadonlyMap<string, Issuer> {
  const names = new Set([...options.logins, ...options.workloads].map(({ issuer }) => issuer))
  return new Map(
    [...names].map((issuer) => {
      const login = options.logins.find((entry) => entry.issuer === issuer)
      const rules = options.workloads.filter((entry) => entry.issuer === issuer)
      return [issuer, openIssuer(issuer, { login, rules }, deps)]
    }),
  )
}

interface Entries {
  readonly login: LoginIssuer | undefined
  readonly rules: readonly WorkloadIssuer[]
}

function openIssuer(issuer: string, { login, rules }: Entries, deps: IssuerDeps): Issuer {
  const algorithms = login?.algorithms ?? defaultAlgorithms
  const keys = login?.keys
  return {
    issuer,
    ...(login === undefined ? {} : { login }),
    workloads: rules.map(({ subjects, ...rule }) => ({ ...rule, matches: compileSubjects(subjects) })),
    algorithms: checkAlgorithms(algorithms),
    types: {
      user: login === undefined ? new Set() : acceptedTypes(login.types, 'login.types'),
      // Kubernetes gives its tokens no type, SPIFFE allows `JWT` and `JOSE`; the audience is what protects them.
      workload: rules.length === 0 ? new Set() : acceptedTypes(['JWT', 'JOSE', 'none'], 'workloads'),
    },
    skew: seconds(Math.min(login?.skew ?? workloadSkew, maxSkew)),
    keys: keys === undefined ? remoteKeys(issuer, deps) : localKeys(keys),
  }
}

function checkAlgorithms(algorithms: readonly string[]): readonly string[] {
  const known: readonly string[] = asymmetricAlgorithms
  if (algorithms.length === 0 || !algorithms.every((algorithm) => known.includes(algorithm))) {
    const remedy = `use one or more of ${asymmetricAlgorithms.join(', ')}`
    throw new SallyportError('config_invalid', { field: 'login.algorithms', remedy })
  }
  return algorithms
}

const maxStars = 3

/**
 * Subjects by exact name or pattern. `*` stands for one or more characters other than `:` and `/`, so that
 * `system:serviceaccount:crm:*` is one namespace and `spiffe://acme/*` one level.
 */
function compileSubjects(patterns: readonly string[]): (subject: string) => boolean {
  const compiled = patterns.map((pattern) => {
    const parts = pattern.split('*')
    if (pattern === '' || parts.length > maxStars + 1) {
      const remedy = `a subject is not empty and has at most ${maxStars} stars`
      throw new SallyportError('config_invalid', { field: 'workloads.subjects', remedy })
    }
    return new RegExp(`^${parts.map(literal).join('[^:/]+')}$`)
  })
  return (subject) => compiled.some((pattern) => pattern.test(subject))
}

const literal = (text: string): string => text.replace(/[.+?^${}()|[\]\\/-]/g, String.raw`\$&`)
