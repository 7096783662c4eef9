import { type Access, type Clock, SallyportError, type Server } from '../../model/index.ts'
import { readAudience } from '../claims.ts'
import { type CompactJws, claimedIssuer, parseCompact } from '../compact.ts'
import type { VerifiedSubject, VerifyOwn } from '../identity.ts'
import { rememberVerifications } from './verifications.ts'

export interface IdentifyDeps {
  /** Of session tokens. */
  readonly issuer: string
  /** Of access tokens. */
  readonly url: string
  readonly servers: readonly Server[]
  readonly clock: Clock
  readonly verifySession: (jws: CompactJws) => Access
  readonly verifySubject: (token: string, server: Server) => Promise<VerifiedSubject>
  /** Absent where no access token of ours is taken. */
  readonly verifyOwn?: VerifyOwn | undefined
  /** Establish a session for a token that is itself the bearer. */
  readonly enter: (subject: VerifiedSubject, server: Server, own: boolean) => Promise<Access>
}

export interface Identify {
  identify(bearer: string): Access | Promise<Access>
  /** The bearer of a client at a server: an access token or a subject token for that very server. */
  enterAt(bearer: string, server: Server): Access | Promise<Access>
  forget(): void
}

/** Who stands behind a bearer token, remembered by the token's whole text until it ends or something is cut. */
export function createIdentify(deps: IdentifyDeps): Identify {
  const known = rememberVerifications(deps.clock)
  const accepting = deps.servers.filter((server) => server.acceptSubjectToken)
  const foreign = async (bearer: string, server: Server): Promise<Access> =>
    deps.enter(await deps.verifySubject(bearer, server), server, false)
  return {
    enterAt(bearer, server) {
      // A bearer has no blank in it, so no other server and no bearer alone makes the same key.
      const key = `${server.name} ${bearer}`
      const hit = known.get(key)
      if (hit !== undefined) return hit
      const jws = parseCompact(bearer)
      const issuer = claimedIssuer(jws)
      // Session tokens are for the egress; here one is like any other that is not for this resource.
      if (issuer === deps.issuer) throw new SallyportError('token_issuer_unknown')
      const { verifyOwn } = deps
      if (issuer !== deps.url || verifyOwn === undefined)
        return known.once(key, () => foreign(bearer, server))
      return known.once(key, async () => deps.enter(await verifyOwn(jws, server), server, true))
    },
    identify(bearer) {
      const hit = known.get(bearer)
      if (hit !== undefined) return hit
      const jws = parseCompact(bearer)
      if (claimedIssuer(jws) !== deps.issuer) {
        const server = addressee(jws, accepting)
        return known.once(bearer, () => foreign(bearer, server))
      }
      const access = deps.verifySession(jws)
      known.set(bearer, access)
      return access
    },
    forget: known.forget,
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
