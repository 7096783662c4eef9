import {
  type Connection,
  type Downstream,
  type GuardedFetch,
  type Principal,
  SallyportError,
  Secret,
  type Seq,
  type Server,
} from '../../model/index.ts'
import type { AuthorizationServers } from '../authorization-server.ts'
import { authorizationCode, type Linked } from '../flavours/linked.ts'
import type { GiveBack } from '../give-back.ts'
import type { RequestToken } from '../grant-request.ts'
import { linkedPlace } from '../place.ts'
import type { Tokens } from '../providers/provider.ts'
import { accountBehind } from './account.ts'
import type { PendingLink } from './begin.ts'
import { keepLinked, type KeepLinkedDeps } from './keep-linked.ts'
import type { LinkedRegistration, Registrations } from './registrations.ts'

/** Who comes back, from what, with what. */
export interface Finishing {
  readonly server: Server
  readonly downstream: Downstream
  readonly principal: Principal
  readonly rev: Seq
  readonly pending: PendingLink
  /** The query that the provider sent the browser back with. */
  readonly parameters: URLSearchParams
}

export interface FinishDeps extends KeepLinkedDeps {
  readonly registrations: Registrations
  readonly servers: Pick<AuthorizationServers, 'metadata'>
  readonly requestToken: RequestToken
  readonly fetch: GuardedFetch
  readonly giveBack: GiveBack
}

const failed = (field: string): SallyportError => new SallyportError('connect_failed', { field })

/** Each parameter once; several with one name have several readings. */
function once(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name)
  if (values.length > 1) throw failed(name)
  return values[0]
}

/**
 * The answer is of the server that was asked (RFC 9207 §2.4), before anything else in it is looked at: an error of
 * another one is not believed either. Compared as text.
 */
function checkIssuer(parameters: URLSearchParams, { issuer }: PendingLink, advertised: boolean): void {
  const said = once(parameters, 'iss')
  if (said === undefined ? advertised : said !== issuer) throw failed('iss')
}

/** @throws connect_failed, connect_denied */
function codeIn(parameters: URLSearchParams): Secret {
  const error = once(parameters, 'error')
  if (error === 'access_denied') throw new SallyportError('connect_denied')
  if (error !== undefined) throw failed('error')
  const code = once(parameters, 'code')
  if (code === undefined || code === '') throw failed('code')
  return new Secret(code, 'authorization code')
}

async function exchangeCode(
  { pending, parameters }: Finishing,
  at: LinkedRegistration,
  deps: FinishDeps,
): Promise<Linked> {
  const code = codeIn(parameters)
  const { redirectUri, verifier, scopes } = pending
  return deps.requestToken(
    authorizationCode,
    {
      provider: at.linked.provider,
      resource: at.resource,
      issuer: at.issuer,
      scopes,
      code,
      redirectUri,
      ...(verifier === undefined ? {} : { verifier: new Secret(verifier, 'code verifier') }),
    },
    at,
  )
}

/**
 * The ID token is of this flow (OIDC Core §3.1.3.7). What stands in for an exchange has to be the same person's, whom
 * one client knows by one name.
 */
function checkIdentity({ identity }: Linked, { downstream, principal, pending }: Finishing): void {
  const { nonce } = pending
  if (nonce !== undefined && identity !== undefined && identity['nonce'] !== nonce) throw failed('nonce')
  if (downstream.credential.kind !== 'exchange') return
  const same = identity?.['sub'] === principal.subject && identity['iss'] === principal.issuer
  if (!same) throw new SallyportError('connect_other_person')
}

const tokensOf = ({ secret, refreshToken, expiresAt }: Linked): Tokens => ({
  at: secret,
  ...(refreshToken === undefined ? {} : { rt: refreshToken }),
  ...(expiresAt === undefined ? {} : { exp: expiresAt }),
})

function giveBack(
  linked: Linked,
  { server, downstream, principal }: Pick<Finishing, 'server' | 'downstream' | 'principal'>,
  at: LinkedRegistration,
  deps: FinishDeps,
): void {
  deps.giveBack({ place: linkedPlace({ server, downstream }, principal, ''), at }, tokensOf(linked))
}

/**
 * Ends what `beginLink` began: the code becomes tokens, they are judged, their account is found out, and all of it is
 * kept before this returns. What is not kept is given back to the provider.
 * @throws connect_failed, connect_denied, exchange_*, cut, held, secrets_*, record_unavailable
 */
export async function finishLink(finishing: Finishing, deps: FinishDeps): Promise<Connection> {
  const { downstream, pending } = finishing
  const at = await deps.registrations.of(downstream)
  // The code is for the client that asked for it, at the server that was asked.
  if (at.issuer !== pending.issuer || at.client.id !== pending.client) throw failed('issuer')
  const metadata = await deps.servers.metadata(at)
  const advertised = metadata['authorization_response_iss_parameter_supported'] === true
  checkIssuer(finishing.parameters, pending, advertised)
  const linked = await exchangeCode(finishing, at, deps)
  try {
    checkIdentity(linked, finishing)
    const account = await accountBehind(linked, at, deps.fetch)
    return await keepLinked({ ...finishing, at, linked, account, requested: pending.scopes }, deps)
  } catch (error) {
    giveBack(linked, finishing, at, deps)
    if (error instanceof SallyportError) throw error
    throw new SallyportError('exchange_unavailable', {}, error)
  }
}
