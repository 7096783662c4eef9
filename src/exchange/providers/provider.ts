import type { EpochSeconds, ProviderName, ProviderOutcome, Secret } from '../../model/index.ts'

/** Something that a provider does, and who says so. */
export interface Fact {
  readonly says: string
  readonly source: string
  /** Nothing was found that says it; it was taken from how the provider is known to behave. */
  readonly unconfirmed?: true
}

/** What stands in for the metadata (RFC 8414) of a provider that has none, or none that is complete. */
export interface Endpoints {
  readonly authorization: string
  readonly token: string
  readonly revocation?: string
  /** Where the account is asked for. */
  readonly account?: string
}

/** An account as its provider names it. `id` never changes; `name` is for people. */
export interface Account {
  readonly id: string
  readonly name?: string
}

export type Json = Readonly<Record<string, unknown>>

/** What a grant can be revoked by. */
export interface Tokens {
  readonly rt?: Secret
  readonly at?: Secret
  /** When `at` ends; absent where it does not. */
  readonly exp?: EpochSeconds
}

/** One request that is not of OAuth; in `json` a `Secret` stands where one goes. */
export interface ProviderCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
  /** A bearer token; or our client by Basic. */
  readonly authorization?: Secret | 'client'
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: object
}

/** How a grant ends at its provider. */
export type Revocation =
  /** RFC 7009 at the revocation endpoint, the refresh token first. */
  | { readonly kind: 'standard' }
  /** A call of the provider's own; undefined where these tokens cannot be revoked by it. */
  | {
      readonly kind: 'call'
      readonly call: (tokens: Tokens, at: RevokedAt) => ProviderCall | undefined
      readonly read: (status: number, body: Json | undefined) => ProviderOutcome
    }
  | { readonly kind: 'none' }

export interface RevokedAt {
  readonly issuer: string
  readonly clientId: string
  readonly now: EpochSeconds
}

/**
 * What is known of one provider: data and pure functions, no I/O. Whatever is not standard is written here as the
 * provider's documents have it, each fact with its source.
 */
export interface Provider {
  readonly name: ProviderName
  /** What people call it. */
  readonly title: string
  /** What the configuration may replace by an installation or tenant of one's own; absent where it has to name one. */
  readonly issuer?: string
  /** Its API, where there is one for all. */
  readonly url?: string
  readonly endpoints: (issuer: string) => Endpoints
  /** How our client authenticates at the token endpoint. */
  readonly authentication: 'basic' | 'post'
  /** Whether `code_challenge` (S256) is sent. */
  readonly pkce: boolean
  /** Further parameters of the authorization request. */
  readonly authorize: Readonly<Record<string, string>>
  readonly scopes: ProviderScopes
  /** The token answer in the words of RFC 6749 §5, where the provider has others. */
  readonly answer?: (body: Json) => Json
  /** Whose account a fresh token is of, from the answer to it alone. */
  readonly accountIn?: (body: Json, idToken: Json | undefined) => Account | undefined
  /** The same, where the provider has to be asked. */
  readonly accountAt?: {
    readonly headers?: Readonly<Record<string, string>>
    readonly read: (body: Json) => Account | undefined
  }
  readonly revocation: Revocation
  /** What still stands after the revocation, in words for the person. */
  readonly remains: string
  /** How refresh tokens live. */
  readonly refresh: string
  readonly facts: readonly Fact[]
}

export interface ProviderScopes {
  /** The parameter that they stand in. */
  readonly parameter: string
  readonly separator: ' ' | ','
  /** Asked for besides those of the configuration. */
  readonly always: readonly string[]
  /** The scope that was asked for and that a granted one stands for, where the provider has two names for it. */
  readonly asAsked?: (granted: string, asked: readonly string[]) => string
  /** One plain sentence each, for the person who is asked. */
  readonly sentences: Readonly<Record<string, string>>
}

export const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An account from two members; numbers are taken for ids, as GitHub has them. */
export function accountOf(id: unknown, name: unknown): Account | undefined {
  const text = typeof id === 'number' ? String(id) : id
  if (!isText(text)) return undefined
  return { id: text, ...(isText(name) ? { name } : {}) }
}
