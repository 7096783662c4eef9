import { type Access, type Clock, SallyportError, type Server } from '../../model/index.ts'
import { readAudience } from '../claims.ts'
import { type CompactJws, claimedIssuer, parseCompact } from '../compact.ts'
import type { VerifiedSubject } from '../identity.ts'
import { createTokenCache } from './token-cache.ts'

export interface IdentifyDeps {
  readonly issuer: string
  readonly servers: readonly Server[]
  readonly clock: Clock
  readonly verifySession: (jws: CompactJws) => Access
  readonly verifySubject: (token: string, server: Server) => Promise<VerifiedSubject>
  /** Establish a session for a subject token that is itself the bearer. */
  readonly enter: (subject: VerifiedSubject, server: Server) => Promise<Access>
}

export interface Identify {
  identify(bearer: string): Access | Promise<Access>
  /** The bearer of a client at a server: a subject token for that very server, and nothing of ours. */
  enterAt(bearer: string, server: Server): Access | Promise<Access>
  forget(): void
}

/** Who stands behind a bearer token, remembered by the token's whole text until it ends or something is cut. */
export function createIdentify(deps: IdentifyDeps): Identify {
  const cache = createTokenCache()
  const accepting = deps.servers.filter((server) => server.acceptSubjectToken)
  const underway = new Map<string, Promise<Access>>()
  let generation = 0

  /** `key` is what the token is remembered by. */
  const enter = async (bearer: string, server: Server, key: string): Promise<Access> => {
    const begun = generation
    const access = await deps.enter(await deps.verifySubject(bearer, server), server)
    // What was verified before a cut is not remembered after it.
    if (begun === generation) cache.set(key, access)
    return access
  }
  const once = (bearer: string, server: Server, key: string): Promise<Access> => {
    const known = underway.get(key)
    if (known !== undefined) return known
    const pending = enter(bearer, server, key).finally(() => {
      if (underway.get(key) === pending) underway.delete(key)
    })
    underway.set(key, pending)
    return pending
  }
  const remembered = (key: string): Access | undefined => {
    const hit = cache.get(key)
    return hit !== undefined && hit.expiresAt > deps.clock.now() ? hit : undefined
  }
  return {
    enterAt(bearer, server) {
      // A bearer has no blank in it, so no other server and no bearer alone makes the same key.
      const key = `${server.name} ${bearer}`
      const known = remembered(key)
      if (known !== undefined) return known
      // Tokens of ours are for the egress; here one is like any other that is not for this resource.
      if (claimedIssuer(parseCompact(bearer)) === deps.issuer)
        throw new SallyportError('token_issuer_unknown')
      return once(bearer, server, key)
    },
    identify(bearer) {
      const hit = remembered(bearer)
      if (hit !== undefined) return hit
      const jws = parseCompact(bearer)
      if (claimedIssuer(jws) !== deps.issuer) return once(bearer, addressee(jws, accepting), bearer)
      const access = deps.verifySession(jws)
      cache.set(bearer, access)
      return access
    },
    forget() {
      generation += 1
      cache.clear()
      underway.clear()
    },
  }
}

/**
 * The server that a foreign token is for, by its unverified audience; the token is then verified for that server.
 * More than one would leave open whose rules hold, so it is refused.
 */
function addressee(jws: CompactJws, accepting: readonly Server[]): Server {
  if (accepting.length === 0) throw new SallyportError('token_issuer_unknown')
  const [only] = accepting
  if (accepting.length === 1 && only !== undefined) return only
  const audience = readAudience(jws.payload)
  const named = accepting.filter((server) => server.audiences.some((name) => audience.includes(name)))
  const [server] = named
  if (server === undefined || named.length > 1) {
    const remedy = 'each server with accept: subject-token needs audiences that no other such server has'
    throw new SallyportError('token_audience_refused', { remedy })
  }
  return server
}
