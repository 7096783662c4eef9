import type { Claims } from '../claims.ts'
import type { CredentialSource, EpochSeconds, Secret } from '../../model/index.ts'
import type { Json } from '../providers/provider.ts'
import type { Subject } from '../subject-source.ts'

export type ExchangeSource = Extract<CredentialSource, { kind: 'exchange' }>
export type ClientCredentialsSource = Extract<CredentialSource, { kind: 'client-credentials' }>
export type TokenSource = ExchangeSource | ClientCredentialsSource

/** A token request without its client authentication, which the transport adds. */
export interface TokenRequest {
  readonly grantType: string
  readonly parameters: readonly (readonly [name: string, value: string | Secret])[]
}

/** A well-formed answer of a token endpoint, not judged yet. */
export interface TokenAnswer {
  readonly accessToken: Secret
  /** What the access token says if it is a JWT; undefined where it is opaque to us. */
  readonly claims?: Claims
  /** Lower case. */
  readonly tokenType: string
  readonly issuedTokenType?: string
  /** Seconds; undefined where the server did not say. */
  readonly expiresIn?: number
  readonly scope?: string
  readonly refreshToken?: Secret
  /** What the ID token says, where there is one; the library has judged it. */
  readonly identity?: Json
  /** Every other member of the answer, as it came. */
  readonly more?: Json
}

/** What came out after every check: fit to be injected. */
export interface Issued {
  readonly secret: Secret
  readonly obtainedAt: EpochSeconds
  /** Undefined: it does not end by itself. */
  readonly expiresAt?: EpochSeconds
  readonly scopes: readonly string[]
  readonly refreshToken?: Secret
}

/**
 * A token that passed every check but one: it names further audiences. It is never injected; it can only be the
 * subject of an exchange for a narrower one.
 */
export interface Broad {
  readonly subject: Subject
  readonly scopes: readonly string[]
  readonly refreshToken?: Secret
}

/** Which grant a request is: the same OAuth error means different things in each. */
export type GrantName =
  | 'token-exchange'
  | 'client-credentials'
  | 'refresh-token'
  | 'authorization-code'
  | 'assertion'

/**
 * One way to ask an authorization server for a token. Both halves are pure: cache key, single flight, transport,
 * error classes, host pin, expiry margin and record lie outside, so that no flavour can forget them.
 */
export interface Flavour<Ask, Outcome = Issued> {
  readonly grant: GrantName
  /** @throws exchange_unsupported_principal, token_delegation_refused */
  prepare(ask: Ask): TokenRequest
  /** Judge the answer before anything is used or kept. @throws exchange_response_refused, token_delegation_refused */
  interpret(ask: Ask, answer: TokenAnswer, now: EpochSeconds): Outcome
}
