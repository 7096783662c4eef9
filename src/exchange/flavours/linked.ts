import { type EpochSeconds, epoch, SallyportError, type Secret } from '../../model/index.ts'
import type { Json, Provider } from '../providers/provider.ts'
import type { Flavour, Issued, TokenAnswer } from './flavour.ts'
import { identityScopes } from './token-exchange.ts'

/** What every token of a linked account has to agree with. */
export interface LinkedTerms {
  readonly provider: Provider | undefined
  /** What a token is asked for (RFC 8707); undefined where nothing is said. */
  readonly resource: string | undefined
  readonly issuer: string
  /** What was asked for; undefined where nothing was. */
  readonly scopes: readonly string[] | undefined
}

export interface CodeAsk extends LinkedTerms {
  readonly code: Secret
  readonly redirectUri: string
  /** Absent where the provider takes no proof (RFC 7636). */
  readonly verifier?: Secret
}

export interface LinkedRefreshAsk extends LinkedTerms {
  readonly refreshToken: Secret
}

/** A fresh linked account, with what tells whose it is. */
export interface Linked extends Issued {
  readonly identity?: Json
  readonly more: Json
}

function refuse(field: string): never {
  throw new SallyportError('exchange_response_refused', { field })
}

/** The parameter in which scopes are asked for, and those that are. */
export function scopeParameter(
  provider: Provider | undefined,
  scopes: readonly string[] | undefined,
): (readonly [string, string])[] {
  if (scopes === undefined || scopes.length === 0) return []
  const { parameter, separator } = provider?.scopes ?? { parameter: 'scope', separator: ' ' }
  return [[parameter, scopes.join(separator)]]
}

export const resourceParameter = (resource: string | undefined): (readonly [string, string])[] =>
  resource === undefined ? [] : [['resource', resource]]

/** A provider may grant less, and the names of who somebody is; never more than was asked for. */
function grantedScopes(answer: TokenAnswer, { provider, scopes }: LinkedTerms): readonly string[] {
  const { scope, claims } = answer
  const granted = scope?.split(/[ ,]+/).filter((name) => name !== '') ?? claims?.scopes ?? scopes ?? []
  if (scopes === undefined) return granted
  const asked = [...scopes, ...identityScopes, 'offline_access']
  const named = provider?.scopes.asAsked ?? ((name: string) => name)
  if (!granted.every((name) => asked.includes(named(name, asked)))) refuse('scope')
  return granted
}

function expiry({ expiresIn, claims }: TokenAnswer, now: EpochSeconds): EpochSeconds | undefined {
  const said = expiresIn === undefined ? undefined : now + expiresIn
  const ends = Math.min(said ?? Number.POSITIVE_INFINITY, claims?.expiresAt ?? Number.POSITIVE_INFINITY)
  return Number.isFinite(ends) ? epoch(ends) : undefined
}

function checkWhose({ claims, identity }: TokenAnswer, { issuer }: LinkedTerms): void {
  if (claims?.issuer !== undefined && claims.issuer !== issuer) refuse('iss')
  const sub = identity?.['sub']
  if (claims?.subject !== undefined && sub !== undefined && claims.subject !== sub) refuse('sub')
}

/**
 * Judged before anything of it is used or kept (attack A08). The token is for its own API to read; what can be seen of
 * it has to come from this issuer, and be of the person whom the ID token beside it names.
 */
function judge(answer: TokenAnswer, terms: LinkedTerms, now: EpochSeconds): Linked {
  const { accessToken, refreshToken, tokenType, expiresIn, identity, more = {} } = answer
  if (tokenType.toLowerCase() !== 'bearer') refuse('token_type')
  if (expiresIn !== undefined && !(expiresIn > 0)) refuse('expires_in')
  checkWhose(answer, terms)
  const expiresAt = expiry(answer, now)
  if (expiresAt !== undefined && expiresAt <= now) refuse('exp')
  return {
    secret: accessToken,
    obtainedAt: now,
    scopes: grantedScopes(answer, terms),
    more,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(identity === undefined ? {} : { identity }),
  }
}

/** The code that a person's browser brought back, for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 8707 §2.2). */
export const authorizationCode: Flavour<CodeAsk, Linked> = {
  grant: 'authorization-code',
  prepare: ({ resource, code, redirectUri, verifier }) => ({
    grantType: 'authorization_code',
    parameters: [
      ['code', code],
      ['redirect_uri', redirectUri],
      ...(verifier === undefined ? [] : [['code_verifier', verifier] as const]),
      ...resourceParameter(resource),
    ],
  }),
  interpret: (ask, answer, now) => judge(answer, ask, now),
}

/** Microsoft wants the scopes again; to others the same scopes say nothing new (RFC 6749 §6). */
const repeatsScopes = (provider: Provider | undefined): boolean => provider?.name === 'microsoft'

/** The refresh of a linked account (RFC 6749 §6). */
export const linkedRefresh: Flavour<LinkedRefreshAsk> = {
  grant: 'refresh-token',
  prepare: ({ resource, provider, refreshToken, scopes }) => ({
    grantType: 'refresh_token',
    parameters: [
      ['refresh_token', refreshToken],
      ...resourceParameter(resource),
      ...(repeatsScopes(provider) ? scopeParameter(provider, scopes) : []),
    ],
  }),
  interpret: (ask, answer, now) => judge(answer, ask, now),
}
