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
  forget(): void
}

/** Who stands behind a bearer token, remembered by the token's whole text until it ends or something is cut. */
export function createIdentify(deps: IdentifyDeps): Identify {
  const cache = createTokenCache()
  const accepting = deps.servers.filter((server) => server.acceptSubjectToken)
  const underway = new Map<string, Promise<Access>>()
  let generation = 0

  const enter = async (bearer: string, server: Server): Promise<Access> => {
    const begun = generation
    const access = await deps.enter(await deps.verifySubject(bearer, server), server)
    // What was verified before a cut is not remembered after it.
    if (begun === generation) cache.set(bearer, access)
    return access
  }
  const foreign = (bearer: string, jws: CompactJws): Promise<Access> => {
    const server = addressee(jws, accepting)
    const known = underway.get(bearer)
    if (known !== undefined) return known
    const pending = enter(bearer, server).finally(() => {
      if (underway.get(bearer) === pending) underway.delete(bearer)
    })
    underway.set(bearer, pending)
    return pending
  }
  return {
    identify(bearer) {
      const hit = cache.get(bearer)
      if (hit !== undefined && hit.expiresAt > deps.clock.now()) return hit
      const jws = parseCompact(bearer)
      if (claimedIssuer(jws) !== deps.issuer) return foreign(bearer, jws)
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
