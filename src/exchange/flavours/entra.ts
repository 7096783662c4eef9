import { type EpochSeconds, SallyportError } from '../../model/index.ts'
import { checkAnswer } from '../check-answer.ts'
import { scopeList } from '../claims.ts'
import { entraScope, resourceOfScope } from '../providers/entra-scopes.ts'
import type { Flavour, Issued, TokenAnswer, TokenRequest } from './flavour.ts'
import type { RefreshAsk } from './refresh-token.ts'
import { type ExchangeAsk, expectedOf, identityScopes } from './token-exchange.ts'

/**
 * On-behalf-of at Microsoft Entra (learn.microsoft.com, "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow"):
 * the person's token as an assertion, for scopes of one resource. Entra names the same things in other words than it was
 * asked in; they are put back before the answer is judged like any other.
 */
const graph = 'https://graph.microsoft.com'
const graphId = '00000003-0000-0000-c000-000000000000'

/** What `aud` may be for a resource: its URI, and the id of its application. */
function audiencesOf(resource: string): readonly string[] {
  if (resource === graph) return [graph, `${graph}/`, graphId]
  return resource.startsWith('api://') ? [resource, resource.slice('api://'.length)] : [resource]
}

type Ask = Pick<ExchangeAsk, 'source' | 'downstream' | 'principal'>

/** One tenant has issuers of two versions; a token of either is of the same. */
function issuerAsAsked(issuer: string | undefined, asked: string): string | undefined {
  const tenant = /\/([0-9a-f-]{36})\//i.exec(asked)?.[1]
  return tenant !== undefined && issuer === `https://sts.windows.net/${tenant}/` ? asked : issuer
}

/** `sub` is another for each application; the person is `oid` within `tid` (Microsoft, "ID token claims reference"). */
function samePerson(answer: TokenAnswer, subject: ExchangeAsk['subject'] | undefined): boolean {
  const { objectId, tenantId } = answer.claims ?? {}
  const { objectId: own, tenantId: ownTenant } = subject?.claims ?? {}
  return objectId !== undefined && objectId === own && tenantId === ownTenant
}

function judge(
  answer: TokenAnswer,
  ask: Ask & { readonly subject?: ExchangeAsk['subject'] },
  now: EpochSeconds,
): Issued {
  const { source, principal, subject } = ask
  const { claims, scope } = answer
  const asked = [...source.scope, ...identityScopes, 'offline_access']
  const translate = (scopes: readonly string[]) => scopes.map((one) => entraScope(one, asked))
  const known = claims === undefined || subject === undefined || samePerson(answer, subject)
  if (!known) throw new SallyportError('exchange_response_refused', { field: 'oid' })
  const issuer = issuerAsAsked(claims?.issuer, source.issuer)
  const { subject: _sub, issuer: _iss, scopes, ...rest } = claims ?? { audiences: [], actors: [] }
  const expected = expectedOf(ask)
  const resources = source.scope.map(resourceOfScope).filter((resource) => resource !== undefined)
  const issued = checkAnswer(
    {
      ...answer,
      ...(scope === undefined ? {} : { scope: translate(scopeList(scope)).join(' ') }),
      ...(claims === undefined
        ? {}
        : {
            claims: {
              ...rest,
              ...(scopes === undefined ? {} : { scopes: translate(scopes) }),
              ...(issuer === undefined ? {} : { issuer }),
              ...(principal === undefined ? {} : { subject: principal.subject }),
            },
          }),
    },
    {
      ...expected,
      audiences: [...new Set([...expected.audiences, ...resources])].flatMap(audiencesOf),
      scopes: asked,
      ...(principal === undefined ? {} : { sub: principal.subject }),
      ...(subject === undefined ? {} : { delegation: subject.claims }),
    },
    now,
  )
  return { ...issued, scopes: scope === undefined ? issued.scopes : scopeList(scope) }
}

const scopeParameter = (scope: readonly string[], keep: boolean): readonly [string, string] => [
  'scope',
  (keep ? [...scope, 'offline_access'] : scope).join(' '),
]

export const entraObo: Flavour<ExchangeAsk> = {
  grant: 'token-exchange',
  prepare({ source, principal, subject, keep, claims }): TokenRequest {
    // An app's own token is no assertion of a person, and `sub` can be compared within one issuer only.
    if (principal?.kind !== 'user' || principal.issuer !== source.issuer)
      throw new SallyportError('exchange_unsupported_principal')
    return {
      grantType: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      parameters: [
        ['assertion', subject.token],
        ['requested_token_use', 'on_behalf_of'],
        scopeParameter(source.scope, keep),
        ...(claims === undefined ? [] : [['claims', claims] as const]),
      ],
    }
  },
  interpret: (ask, answer, now) => judge(answer, ask, now),
}

/** Its refresh: the scopes are asked for again, or a token of another resource comes. */
export const entraRefresh: Flavour<RefreshAsk> = {
  grant: 'refresh-token',
  prepare: ({ source, refreshToken }) => ({
    grantType: 'refresh_token',
    parameters: [['refresh_token', refreshToken], scopeParameter(source.scope, true)],
  }),
  interpret: (ask, answer, now) => judge(answer, ask, now),
}
