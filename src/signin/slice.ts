import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Audit } from '../audit/index.ts'
import type { LoginClaims } from '../identity/index.ts'
import type {
  Barred,
  Clock,
  Decision,
  EpochSeconds,
  Facts,
  Gate,
  GuardedFetch,
  OAuthClient,
  Seconds,
  Secret,
  Server,
  Visitor,
  Work,
} from '../model/index.ts'
import type { Seal, Tickets, Consents } from '../storage/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { Forms } from './browser/forms.ts'
import type { Visitors } from './browser/visitors.ts'
import type { Clients } from './clients/clients.ts'
import type { ClientEntry } from './clients/known.ts'
import type { DevPerson } from './login/logins.ts'
import type { LoginTokens } from './login/openid.ts'
import type { Tokens } from './shapes.ts'

export interface SignInSlice {
  /** The issuer, and where people reach us. */
  readonly url: string
  readonly tenant: string
  /** Whether MCP clients sign in here, or people alone. */
  readonly mode: 'broker' | 'direct'
  readonly login: LoginClaims & {
    readonly issuer: string
    /** Ours there; without one the sign-in is our own. */
    readonly client?: OAuthClient
    readonly scope?: readonly string[]
    readonly algorithms: readonly string[]
  }
  /** Those behind the gateway. */
  readonly servers: readonly Server[]
  readonly clients: readonly ClientEntry[]
  readonly registration: 'off' | 'known' | 'open'
  readonly catalog: boolean
  readonly idle: Seconds
  readonly absolute: Seconds
}

export interface SignInDeps {
  /** The token endpoint, for the clients that are found so. */
  readonly tokens: (findClient: Clients['find']) => Tokens
  /** Reaches the IdP. */
  readonly fetch: GuardedFetch
  readonly allowOrigin: (url: string) => void
  /** Reaches any public https host. */
  readonly fetchPublic: GuardedFetch
  /** A seal for each purpose. */
  readonly seal: (purpose: string) => Seal
  readonly clientSecretKey: Secret<Uint8Array>
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly gate: Gate
  readonly signInAllowed: (work: Work, signedInAt: EpochSeconds) => Barred | undefined
  readonly admit: (facts: Facts, downstreams: readonly string[]) => Decision<readonly string[]>
  readonly tickets: Pick<Tickets, 'put'>
  readonly consents: Pick<Consents, 'get' | 'put'>
  readonly keepLogin: (kept: { readonly visitor: Visitor; readonly tokens: LoginTokens }) => Promise<void>
  readonly audit: Pick<Audit, 'note'>
  readonly log: Log
  /** The people of dev, where its sign-in is used. */
  readonly people: readonly DevPerson[]
}

/** The room, opened. */
export interface SignInDoor {
  mount(app: FastifyInstance): Promise<void>
  /** Looks after sign-ins: once a minute. */
  upkeep(): Promise<void>
  /** Who is in front of a browser. */
  readonly visitors: Pick<Visitors, 'of' | 'binding'>
  /** Forms of pages that are not this room's. */
  readonly forms: Forms
  /** Sends the browser to sign in, and then back to what it asked for. */
  askToSignIn(request: FastifyRequest, reply: FastifyReply): Promise<void>
}
