import type { Secret } from './secret.ts'
import type { Placement } from './credential.ts'

/** What an operation or tool may do (design §5). Unclassified is `never`. */
export type RiskClass = 'read' | 'read-sensitive' | 'write' | 'critical' | 'never'

/** From harmless to forbidden: the later of two classes wins where two sources name one. */
export const riskOrder: readonly RiskClass[] = ['read', 'read-sensitive', 'write', 'critical', 'never']

export const level = (risk: RiskClass): number => riskOrder.indexOf(risk)

/** The later of two classes, where two sources name one (design §5). */
export const stricter = (a: RiskClass, b: RiskClass): RiskClass => (level(a) >= level(b) ? a : b)

/** One thing a downstream does: method and path template, with a class of its own. */
export interface Operation {
  /** `GET /orders/{id}`: the name in configuration, records and explanations. */
  readonly id: string
  readonly method: string
  /** Template segments; `{name}` stands for exactly one non-empty segment, a last `{name...}` for the rest. */
  readonly path: string
  readonly class: RiskClass
}

/** An OAuth client of ours at an authorization server. */
export interface OAuthClient {
  readonly id: string
  readonly secret?: Secret
  /** A private key in PEM for `private_key_jwt` (RFC 7523 §2.2), instead of a secret. */
  readonly key?: Secret
}

/** Providers whose endpoints and habits are in the catalogue. */
export const providerNames = ['github', 'google', 'microsoft', 'slack', 'atlassian', 'salesforce'] as const
export type ProviderName = (typeof providerNames)[number]

/** An account that a person links in a browser: authorization code with PKCE (RFC 6749 §4.1, RFC 7636). */
export interface LinkedSource {
  readonly kind: 'linked'
  /** The entry of the catalogue that stands for the server's metadata; absent where it has its own. */
  readonly provider?: ProviderName
  /** The authorization server; absent where the downstream itself says which (RFC 9728). */
  readonly issuer?: string
  /** Absent where the server takes clients that it has not met before. */
  readonly client?: OAuthClient
  readonly scope: readonly string[]
  /** Sent with every request (RFC 8707); absent where it is what the downstream calls itself, false where nothing is sent. */
  readonly resource?: string | false
  /** Origins besides the issuer's at which its endpoints may be. */
  readonly origins: readonly string[]
}

/** Tokens of an installation of a GitHub App: the app's own, the same for everybody. */
export interface InstallationSource {
  readonly kind: 'github-app'
  /** Where its REST API is. */
  readonly issuer: string
  /** The app's client id, or its number. */
  readonly app: string
  readonly key: Secret
  readonly installation: string
  /** Names of repositories; none: all that the installation has. */
  readonly repositories: readonly string[]
  /** None: all that the installation has. */
  readonly permissions: Readonly<Record<string, string>>
}

/**
 * How a person's token becomes one for a downstream: RFC 8693, Entra's on-behalf-of, RFC 7523 with the token as the
 * assertion, or an ID-JAG of the IdP that the downstream's own authorization server takes.
 */
export const exchangeFlavours = ['token-exchange', 'entra-obo', 'jwt-bearer', 'id-jag'] as const
export type ExchangeFlavour = (typeof exchangeFlavours)[number]

/** How the credential of a downstream is obtained (design §9, "Credential kinds"). */
export type CredentialSource =
  | {
      readonly kind: 'exchange'
      /** Absent: `token-exchange`. */
      readonly flavour?: ExchangeFlavour
      /** The authorization server that takes the ID-JAG, and our client there (`id-jag`). */
      readonly at?: { readonly issuer: string; readonly client: OAuthClient }
      readonly issuer: string
      readonly client: OAuthClient
      readonly audience?: string
      readonly resource?: string
      readonly scope: readonly string[]
      /** Further audiences that the issued token may name; by default one more refuses it. */
      readonly extraAudiences?: readonly string[]
      /** Ask for a refresh token and keep it as a stored connection bound to the session. */
      readonly refresh: boolean
    }
  | {
      readonly kind: 'client-credentials'
      readonly issuer: string
      readonly client: OAuthClient
      readonly audience?: string
      readonly resource?: string
      readonly scope: readonly string[]
      /** Further audiences that the issued token may name; by default one more refuses it. */
      readonly extraAudiences?: readonly string[]
    }
  | LinkedSource
  | InstallationSource
  | {
      readonly kind: 'static'
      readonly per: 'all'
      readonly placement: Placement
      readonly value: Secret
      readonly owner: string
    }
  | { readonly kind: 'static'; readonly per: 'user'; readonly placement: Placement }

/** A credential of fewer bytes cannot be told from chance in answers. */
export const shortestGuarded = 8

/** A system that servers call. */
export interface Downstream {
  readonly name: string
  /** Scheme, host and port; nothing else. */
  readonly origin: string
  /** A path put before every request's path, without a trailing slash; empty for none. */
  readonly basePath: string
  /** Its RFC 8707 identifier, used as audience in session tokens. */
  readonly resource: string
  readonly operations: readonly Operation[]
  readonly credential: CredentialSource
  /**
   * Whether answers are searched for the credential. Absent is `auto`: where it is static or opaque, that is no JWT.
   */
  readonly guard?: 'auto' | 'on' | 'off'
}

/**
 * How people link accounts of a downstream; undefined where they do not. What Entra does not exchange without the person
 * (consent, a second factor) he is asked for there, by the same client.
 */
export function linkedSourceOf({ credential }: Pick<Downstream, 'credential'>): LinkedSource | undefined {
  if (credential.kind === 'linked') return credential
  if (credential.kind !== 'exchange' || credential.flavour !== 'entra-obo') return undefined
  const { issuer, client, scope } = credential
  return { kind: 'linked', provider: 'microsoft', issuer, client, scope, resource: false, origins: [] }
}

/** Whether each person has an account or key of his own there. */
export function isPersonal(downstream: Pick<Downstream, 'credential'>): boolean {
  const { credential } = downstream
  if (credential.kind === 'static') return credential.per === 'user'
  return linkedSourceOf(downstream) !== undefined
}
