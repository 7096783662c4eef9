import type { Audit } from '../../audit/index.ts'
import type { Exchange } from '../../exchange/index.ts'
import type { LoginClaims, OpenIdentity, SigningAlgorithm } from '../../identity/index.ts'
import type { Clock, Gate, GuardedFetch, Seconds, Secret, Server, Session } from '../../model/index.ts'
import type { SignIns, Tickets } from '../../storage/index.ts'
import type { Log } from '../../telemetry/index.ts'
import type { Client } from '../shapes.ts'

export interface TokenOptions {
  /** The issuer. */
  readonly url: string
  readonly tenant: string
  readonly environment: string
  readonly servers: readonly Server[]
  /** Lives of an access token, of a sign-in that is not used, and of one that is. */
  readonly access: Seconds
  readonly idle: Seconds
  readonly absolute: Seconds
  /** How long the refresh token before the last one still gets the same answer. */
  readonly leeway: Seconds
  /** Whether a sign-in leaves a login connection, by which its person is asked after. */
  readonly subjectFrom: 'login' | 'none'
  readonly algorithm: SigningAlgorithm
  readonly keyRotation: Seconds
  /** How far a client's clock may be from ours. */
  readonly skew: Seconds
  /** How what the login issuer says of a person is read. */
  readonly login: LoginClaims
}

export interface TokenDeps {
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly derive: (purpose: string) => Secret<Uint8Array>
  readonly gate: Gate
  readonly audit: Pick<Audit, 'note'>
  readonly log: Log
  readonly tickets: Tickets
  readonly signIns: SignIns
  readonly identity: Pick<OpenIdentity, 'checkSignIn' | 'signIn' | 'verifySubject' | 'verifyIdJag' | 'forget'>
  /** A registration by its `client_id`. @throws client_metadata_refused */
  readonly findClient: (id: string) => Promise<Client | undefined>
  /** For the key sets of clients that have theirs at an address. */
  readonly fetch: GuardedFetch
  /** Whether the login issuer still knows the person of a session. Never throws. */
  readonly checkLogin: Exchange['checkLogin']
  readonly dropUnusedLogins: Exchange['dropUnusedLogins']
  /** Cut a session, with everything that stands on it. */
  readonly endSession: (
    session: Session,
    why: { readonly by: string; readonly cause: string },
  ) => Promise<void>
}
