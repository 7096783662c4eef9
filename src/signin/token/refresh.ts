import { epoch, SallyportError, type Server, type SignIn } from '../../model/index.ts'
import {
  type Answer,
  type Asked,
  asInvalidGrant,
  askedScopes,
  checkServer,
  type Grant,
  invalidGrant,
  whoOf,
} from './asked.ts'
import { answerOf, checkStill, type Parts, type Signed } from './begin.ts'
import type { Generation } from './handles.ts'
import { askAfter, isSamePerson } from './person.ts'

/** While the login issuer does not answer, what it said last holds for this long. In seconds. */
const trustedFor = 3_600

/**
 * Refresh tokens (RFC 6749 §6), which rotate: each is good once, and once more within the leeway, when it gets the same
 * successor. Shown again after that, it was stolen from one of the two who have it, and the sign-in ends (RFC 9700 §4.14).
 */
export function createRefresh(parts: Parts): Grant {
  return async (asked) => {
    const generation = parts.refreshTokens.read(asked.form.one('refresh_token'))
    if (generation === undefined) throw invalidGrant()
    const { signIn, isCurrent } = await found(asked, generation, parts)
    const server = checkBound(asked, signIn, parts)
    const scopes = narrowed(asked, signIn)
    try {
      const checked = await checkPerson(signIn, parts)
      const signed = await sign({ asked, signIn: checked, server, scopes }, parts)
      return isCurrent ? await rotate(signed, signIn, parts) : given(signed, signIn, parts)
    } catch (error) {
      throw asInvalidGrant(error)
    }
  }
}

interface Found {
  readonly signIn: SignIn
  /** Or the one before, within the leeway. */
  readonly isCurrent: boolean
}

/** @throws grant_invalid, grant_replayed */
async function found(asked: Asked, { id, gen }: Generation, parts: Parts): Promise<Found> {
  const { deps, options } = parts
  const signIn = await deps.signIns.get(options.tenant, id)
  // A token of another client's is no reason to end what that client has.
  if (signIn === undefined || signIn.registration !== asked.client.id) throw invalidGrant()
  const { session } = signIn
  asked.about = whoOf(session)
  if (gen === signIn.gen) return { signIn, isCurrent: true }
  if (isPrevious(gen, signIn, parts)) return { signIn, isCurrent: false }
  if (gen > signIn.gen) throw invalidGrant()
  await deps.endSession(session, { by: 'sallyport', cause: 'its refresh token was shown again' })
  throw new SallyportError('grant_replayed')
}

const isPrevious = (gen: number, signIn: SignIn, { options, deps }: Parts): boolean =>
  gen === signIn.gen - 1 && deps.clock.now() <= signIn.rotatedAt + options.leeway

/** It has not ended, and neither its client nor its server is another by now. @throws grant_invalid, token_expired, resource_refused, client_not_for_server */
function checkBound({ client, form }: Asked, signIn: SignIn, { options, deps }: Parts): Server {
  const { session, resource, idleUntil, until } = signIn
  const now = deps.clock.now()
  if (now >= idleUntil || now >= until) throw asInvalidGrant(new SallyportError('token_expired'))
  if (form.all('resource').some((it) => it !== resource)) throw new SallyportError('resource_refused')
  const server = options.servers.find((it) => it.name === session.server)
  if (server?.resource !== resource) throw invalidGrant()
  checkServer(client, server)
  return server
}

/** Never more than the person agreed to (RFC 6749 §6). @throws scope_refused */
function narrowed({ form }: Asked, { scopes }: SignIn): readonly string[] {
  const asked = askedScopes(form) ?? scopes
  if (!asked.every((scope) => scopes.includes(scope))) throw new SallyportError('scope_refused')
  return asked
}

/**
 * Is the person still one of the login issuer's? What is known of them, and when that was said.
 * @throws subject_expired, and then the session has ended; idp_unavailable
 */
async function checkPerson(signIn: SignIn, parts: Parts): Promise<SignIn> {
  const { deps } = parts
  const { session, checkedAt } = signIn
  const now = deps.clock.now()
  if (session.subjectFrom !== 'login') return signIn
  const asked = await askAfter(session, parts)
  if (asked.state === 'alive') return { ...signIn, session: asked.session, checkedAt: now }
  if (asked.state === 'unknown') {
    if (now - checkedAt > trustedFor) throw new SallyportError('idp_unavailable')
    return signIn
  }
  await deps.endSession(session, { by: 'sallyport', cause: 'its sign-in at the login issuer has ended' })
  throw new SallyportError('subject_expired')
}

interface Signing {
  readonly asked: Asked
  readonly signIn: SignIn
  readonly server: Server
  readonly scopes: readonly string[]
}

/** The policy and the log are asked again; what they say holds for the token that is signed in the same step. */
async function sign({ asked, signIn, server, scopes }: Signing, parts: Parts): Promise<Signed> {
  const { deps, options, accessTokens } = parts
  const { session, registration, until, checkedAt } = signIn
  const { authTimeFrom = 'auth_time', rev: _rev, sid: _sid, server: _server, ...facts } = session
  const now = deps.clock.now()
  const idleUntil = epoch(Math.min(now + options.idle, until))
  const expiresAt = epoch(Math.min(now + options.access, until))
  const { client } = asked
  // One that shows who it is goes by the name that it has now; of another the sign-in knows where it was answered.
  const name = client.authentication.method === 'none' ? session.client : client.name
  const subject = {
    ...facts,
    client: name,
    registration,
    authTimeFrom,
    issuedAt: checkedAt,
    expiresAt,
    scopes,
  }
  const input = {
    subject,
    server,
    scopes,
    request: asked.id,
    keptUntil: idleUntil,
    grant: 'refresh_token',
  }
  return deps.identity.signIn(input, (access, rotatedAt) => {
    checkStill({ access: { ...access, rev: signIn.rev } }, deps)
    const next: SignIn = {
      ...signIn,
      session: access.session,
      gen: signIn.gen + 1,
      rotatedAt,
      idleUntil,
      rev: access.rev,
    }
    return { access, signIn: next, token: accessTokens.sign(access, next) }
  })
}

/** The next generation is there before it leaves. Where another was quicker, its successor is everybody's. */
async function rotate(signed: Signed, before: SignIn, parts: Parts): Promise<Answer> {
  const { deps, options } = parts
  if (await deps.signIns.replace(before.gen, signed.signIn)) {
    // Tokens from before are of the same person.
    if (!isSamePerson(before.session, signed.signIn.session)) deps.identity.forget()
    return given(signed, signed.signIn, parts)
  }
  const now = await deps.signIns.get(options.tenant, before.id)
  if (now === undefined || !isPrevious(before.gen, now, parts)) throw invalidGrant()
  return given(signed, now, parts)
}

function given(signed: Signed, current: SignIn, { deps, refreshTokens }: Parts): Answer {
  checkStill(signed, deps)
  return answerOf(signed, deps.clock.now(), refreshTokens.of(current))
}
