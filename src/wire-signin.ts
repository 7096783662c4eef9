/** Sign-in among the other rooms: what it is made of, and what it asks them. */
import type { Audit } from './audit/index.ts'
import type { Config } from './config/index.ts'
import type { Dial } from './egress/index.ts'
import type { createExchange, Exchange } from './exchange/index.ts'
import type { DevIssuer, OpenIdentity } from './identity/index.ts'
import type { Clock, Server, Session } from './model/index.ts'
import type { Policy } from './policy/index.ts'
import type { Replica } from './revocation/index.ts'
import {
  type AccessTokens,
  createSignIn,
  createTokens,
  openAccessTokens,
  type SignInDoor,
} from './signin/index.ts'
import { createSeal, type Keyring, type State } from './storage/index.ts'
import type { Log } from './telemetry/index.ts'

interface SignInParts extends AccessParts {
  readonly exchange: Exchange
  readonly identity: OpenIdentity
  readonly accessTokens: AccessTokens
  /** Cut a session, with everything that stands on it. */
  readonly endSession: (
    session: Session,
    why: { readonly by: string; readonly cause: string },
  ) => Promise<void>
  readonly dial: Dial
  readonly policy: Policy
  readonly audit: Audit
  readonly log: Log
  readonly dev: DevIssuer | undefined
  readonly random: (bytes: number) => Uint8Array
}

/** What the exchange looks up: the downstreams, and our client at the login issuer where people are sent there. */
export function exchangeSlice({ login }: Config, policy: Policy): Parameters<typeof createExchange>[0] {
  const { issuer, client, builtIn } = login
  const isOurs = !builtIn && (client?.secret !== undefined || client?.key !== undefined)
  return {
    downstream: policy.downstream,
    ...(client !== undefined && isOurs ? { login: { issuer, client } } : {}),
  }
}

/** What access tokens are made of, before there is anybody to make them for. */
interface AccessParts {
  readonly config: Config
  readonly keyring: Keyring
  readonly state: State
  readonly replica: Replica
  readonly clock: Clock
}

/** Those that we issue and the gateway takes. */
export function openOwnTokens(parts: AccessParts): AccessTokens {
  const { config, keyring, state, replica, clock } = parts
  const deps = { ...keyring, signIns: state.signIns, gate: replica.gate, clock }
  return openAccessTokens({ ...config, ...config.session, ...config.signIn }, deps)
}

/** Undefined where nobody can be sent on to sign in. */
export function openSignIn(parts: SignInParts): SignInDoor | undefined {
  const { config, keyring, state, dial, replica, policy, exchange, dev, random } = parts
  const { url, tenant, servers, clients, signIn } = config
  if (config.login.client === undefined && dev === undefined) return undefined
  const login = dev === undefined ? config.login : { ...config.login, ...dev.login }
  const behind = servers.filter((it) => (it.url ?? it.stdio) !== undefined)
  return createSignIn(
    {
      url,
      tenant,
      mode: config.login.mode,
      login,
      servers: behind,
      clients,
      ...signIn,
    },
    {
      ...parts,
      ...dial,
      tokens: (findClient) => tokensOf(parts, behind, findClient),
      seal: (purpose) => createSeal(keyring.derive(`sign-in ${purpose}`), random),
      clientSecretKey: keyring.derive('sign-in client secrets'),
      gate: replica.gate,
      signInAllowed: replica.view.coversSignIn,
      admit: policy.admit,
      tickets: state.tickets,
      consents: state.consents,
      keepLogin: ({ visitor, tokens }) => exchange.keepLogin({ ...visitor, tokens }),
      people: dev?.people ?? [],
    },
  )
}

/** The token endpoint, for the servers behind the gateway and the clients that are found so. */
function tokensOf(
  parts: SignInParts,
  servers: readonly Server[],
  findClient: Parameters<typeof createTokens>[2]['findClient'],
) {
  const { config, keyring, state, dial, replica, accessTokens } = parts
  const { url, tenant, environment, login, session, signIn } = config
  return createTokens(
    {
      ...{ url, tenant, environment, servers, ...session, ...signIn },
      skew: login.skew,
      login,
      subjectFrom: login.builtIn ? 'none' : 'login',
    },
    accessTokens,
    {
      ...parts,
      ...keyring,
      tickets: state.tickets,
      signIns: state.signIns,
      gate: replica.gate,
      fetch: dial.fetchPublic,
      findClient,
      ...parts.exchange,
    },
  )
}
