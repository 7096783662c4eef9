import type { Access, EpochSeconds, GuardedFetch, Server } from '../model/index.ts'
import { type Authenticate, createAuthenticate } from './client-auth.ts'
import type { Proof } from './capability.ts'
import type { CompactJws } from './compact.ts'
import type { Identity, LoginIssuer, VerifiedSubject, VerifyOwn, WorkloadIssuer } from './identity.ts'
import { type Caller, serverCaller } from './delegation.ts'
import { type IdJag, verifyIdJag } from './assertion.ts'
import { openIssuers } from './issuers.ts'
import {
  checkedWork,
  type EstablishDeps,
  type EstablishInput,
  type EstablishOptions,
  establish,
} from './session/establish.ts'
import { type CallClaims, sessionClaims } from './session/claims.ts'
import { createIdentify } from './session/identify.ts'
import { openSigningKeys, type KeyOptions, type SigningKeys } from './session/keys.ts'
import { openSessionTable } from './session/table.ts'
import { verifySessionToken } from './session/verify.ts'
import { type SubjectOptions, verifySubjectToken } from './subject-token.ts'
import { createTokenService, type TokenService, type TokenServiceDeps } from './token-service.ts'

interface IdentityOptions extends SubjectOptions, EstablishOptions, KeyOptions {
  readonly environment: string
  readonly logins: readonly LoginIssuer[]
  readonly workloads: readonly WorkloadIssuer[]
  readonly servers: readonly Server[]
}

interface IdentityDeps extends Omit<EstablishDeps, 'table'>, Pick<TokenServiceDeps, 'log' | 'revokeSession'> {
  readonly fetch: GuardedFetch
  /** Proofs of the servers' capability files, by server name. */
  readonly capabilities: ReadonlyMap<string, Proof>
  /** Who stands behind an access token of ours; absent where none is issued. */
  readonly verifyOwn?: VerifyOwn
}

/** Whose session it is, and until when further tokens of it may come. */
type SigningIn = Pick<EstablishInput, 'subject' | 'server' | 'scopes' | 'request' | 'keptUntil' | 'grant'>

/** The room, opened: its face, and what `mountTokenFace` serves. */
export interface OpenIdentity extends Identity {
  /** An ID-JAG for us. @throws as `verifyIdJag` */
  verifyIdJag(assertion: string): Promise<IdJag>
  /** `{url}/egress`. */
  readonly issuer: string
  readonly authenticate: Authenticate
  readonly tokens: TokenService
  readonly keys: SigningKeys
  /** Signs a call token. The access is the client's, with the call in it and what is left of its audiences. Synchronous. */
  mintCall(access: Access, told: CallClaims): string
  /** A session without a token, for a subject that the configuration names. @throws as `identify` */
  enterAnonymous(subject: VerifiedSubject, server: Server): Promise<Access>
  /** Whether the log lets a sign-in at this server begin now. Synchronous. @throws sign_in_too_old, cut, held, switched_off, lease_lapsed */
  checkSignIn(subject: VerifiedSubject, server: Server): void
  /**
   * The session of an access token that is being made. `seal` makes it, in the same synchronous step as the last look
   * at the log. @throws as `identify`
   */
  signIn<T>(input: SigningIn, seal: (access: Access, now: EpochSeconds) => T): Promise<T>
}

/** Nothing is fetched here. @throws config_invalid */
export function openIdentity(options: IdentityOptions, deps: IdentityDeps): OpenIdentity {
  const { clock } = deps
  const issuer = `${options.url}/egress`
  const { verifySubject, verifyIdJag } = foreignTokens(options, deps)
  const keys = openSigningKeys(options, deps)
  const table = openSessionTable(() => clock.now())
  const verifySession = (jws: CompactJws): Access =>
    verifySessionToken(jws, { issuer, keys, sessions: table, clock })
  const enter = <T>(input: EstablishInput, seal: (access: Access, now: EpochSeconds) => T): Promise<T> =>
    establish(input, seal, options, { ...deps, table })
  const bearing = (subject: VerifiedSubject, server: Server, own = false): EstablishInput => ({
    subject,
    server,
    asked: undefined,
    scopes: subject.scopes,
    bearer: own ? 'access token' : 'subject token',
  })
  const { identify, enterAt, forget } = createIdentify({
    issuer,
    url: options.url,
    servers: options.servers,
    clock,
    verifySession,
    verifySubject,
    verifyOwn: deps.verifyOwn,
    enter: (subject, server, own) => enter(bearing(subject, server, own), asItIs),
  })
  const claims = { issuer, environment: options.environment, severalLogins: options.logins.length > 1 }
  const tokens = createTokenService(
    { downstreams: options.downstreams, claims },
    { ...deps, keys, verifySubject, verifySession, establish: enter },
  )
  const authenticate = createAuthenticate(options.servers, deps.capabilities)
  return {
    issuer,
    verifySubject,
    verifyIdJag,
    identify,
    enterAt,
    enterAnonymous: (subject, server) => enter(bearing(subject, server), asItIs),
    checkSignIn: (subject, server) => void checkedWork(subject, server, deps),
    signIn: (input, seal) => enter({ ...input, asked: undefined, bearer: 'access token' }, seal),
    mintCall: (access, told) => keys.sign(sessionClaims(access, clock.now(), claims, told), access.expiresAt),
    forget,
    authenticate,
    tokens,
    keys,
  }
}

/** What is verified with the keys of the configured issuers. */
function foreignTokens(options: IdentityOptions, deps: IdentityDeps) {
  const by = { clock: deps.clock, issuers: openIssuers(options, deps) }
  return {
    verifySubject: (token: string, server: Server, caller: Caller = serverCaller(server)) =>
      verifySubjectToken(token, { server, caller }, options, by),
    verifyIdJag: (assertion: string) => verifyIdJag(assertion, options, by),
  }
}

const asItIs = (access: Access): Access => access
