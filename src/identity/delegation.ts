import { type Actor, maxActorDepth, SallyportError, type Server } from '../model/index.ts'
import { isName } from './claims.ts'
import { type Claims, isObject } from './compact.ts'

const refused = (): SallyportError => new SallyportError('token_delegation_refused')

/**
 * The actor chain of a token (RFC 8693 §4.1), outermost first, kept whole: a chain that is too deep or that cannot
 * be read is refused, never shortened. @throws token_delegation_refused
 */
export function readActor(act: unknown, depth = 1): Actor | undefined {
  if (act === undefined) return undefined
  if (!isObject(act) || depth > maxActorDepth || !isName(act['sub'])) throw refused()
  const { iss } = act
  if (iss !== undefined && !isName(iss)) throw refused()
  const actingFor = readActor(act['act'], depth + 1)
  return {
    subject: act['sub'],
    ...(iss === undefined ? {} : { issuer: iss }),
    ...(actingFor === undefined ? {} : { actingFor }),
  }
}

/** `may_act` (RFC 8693 §4.4) with every member a text. @throws token_delegation_refused */
export function readMayAct(mayAct: unknown): Readonly<Record<string, string>> | undefined {
  if (mayAct === undefined) return undefined
  if (!isObject(mayAct) || Object.keys(mayAct).length === 0) throw refused()
  return Object.fromEntries(
    Object.entries(mayAct).map(([name, value]) => {
      if (!isName(value)) throw refused()
      return [name, value]
    }),
  )
}

/** The workload of a server, as the actor that its session tokens name. */
export function serverActor(server: Server, url: string, actingFor: Actor | undefined): Actor {
  return {
    subject: serverCaller(server).subject,
    issuer: url,
    ...(actingFor === undefined ? {} : { actingFor }),
  }
}

/** Who shows a token that is not its own: by which names `may_act` may mean it. */
export interface Caller {
  readonly subject: string
  /** The client id under which it is known, if it is. */
  readonly client: string | undefined
}

export function serverCaller(server: Server): Caller {
  return { subject: `server:${server.name}`, client: server.client?.id }
}

/**
 * The caller has to match every member that `may_act` has: a member it has no value for does not match. `sub` without
 * `iss` may also be the client id under which it is known.
 * @throws token_delegation_refused
 */
function checkMayAct(
  mayAct: Readonly<Record<string, string>>,
  { subject: own, client }: Caller,
  url: string,
): void {
  for (const [name, value] of Object.entries(mayAct)) {
    const matches =
      (name === 'sub' && (value === own || (value === client && mayAct['iss'] === undefined))) ||
      (name === 'iss' && value === url) ||
      (name === 'client_id' && value === client)
    if (!matches) throw refused()
  }
}

/** The chain as a claim. */
export function actClaim(actor: Actor): Claims {
  return {
    sub: actor.subject,
    ...(actor.issuer === undefined ? {} : { iss: actor.issuer }),
    ...(actor.actingFor === undefined ? {} : { act: actClaim(actor.actingFor) }),
  }
}

/** What a token says of who acts and who may: the caller may, or the token is refused. @throws token_delegation_refused */
export function readDelegation(
  payload: Claims,
  caller: Caller,
  url: string,
): { readonly actor?: Actor; readonly mayAct?: Readonly<Record<string, string>> } {
  const actor = readActor(payload['act'])
  const mayAct = readMayAct(payload['may_act'])
  if (mayAct !== undefined) checkMayAct(mayAct, caller, url)
  return { ...(actor === undefined ? {} : { actor }), ...(mayAct === undefined ? {} : { mayAct }) }
}
