import { hash } from 'node:crypto'
import type { Form, VerifiedSubject } from '../../identity/index.ts'
import { epoch, SallyportError, type Seq, type Visitor } from '../../model/index.ts'
import type { Approved } from '../shapes.ts'
import { type Asked, asInvalidGrant, checkServer, type Grant, invalidGrant, whoOf } from './asked.ts'
import { answerOf, begin, type Parts, type Signed } from './begin.ts'
import { createMark, type Mark, sameText, ticketId } from './handles.ts'

/** Authorization codes (RFC 6749 §4.1). */
export interface Codes {
  issue(approved: Approved): Promise<string>
  /** @throws grant_invalid, grant_replayed and what beginning a sign-in throws */
  readonly redeem: Grant
}

/** Seconds. */
const codeLife = 60
/** How long one that was shown again is remembered while the first answer is being made. In seconds. */
const memory = 120

/** What a code stands for, as its ticket has it. */
interface Written extends Pick<Approved, 'redirect' | 'challenge' | 'scopes' | 'rev'> {
  readonly client: string
  readonly name: string
  readonly server: string
  readonly visitor: Visitor
}

export function createCodes(parts: Parts): Codes {
  const { deps } = parts
  const mark = createMark('sp_ac_', deps.derive('authorization codes'))
  return {
    async issue(approved) {
      const { client, redirect, challenge, server, scopes, visitor, rev } = approved
      const body = Buffer.from(deps.random(32)).toString('base64url')
      const written: Written = {
        client: client.id,
        name: client.name,
        server: server.name,
        redirect,
        challenge,
        scopes,
        visitor,
        rev,
      }
      deps.identity.checkSignIn(subjectOf(written, client.id, parts), server)
      const now = deps.clock.now()
      const ticket = { kind: 'code', id: ticketId(body), value: JSON.stringify(written) }
      await deps.tickets.put({ ...ticket, expiresAt: epoch(now + codeLife) }, now)
      return mark.make(body)
    },
    redeem: (asked) => redeem(asked, mark, parts),
  }
}

async function redeem(asked: Asked, mark: Mark, parts: Parts) {
  const { deps, refreshTokens } = parts
  const body = mark.read(asked.form.one('code'))
  if (body === undefined) throw invalidGrant()
  const ticket = await deps.tickets.take('code', ticketId(body), deps.clock.now())
  if (ticket === undefined) return shownAgain(asked, body, parts)
  const written = JSON.parse(ticket.value) as Written
  asked.about = { principal: written.visitor.principal, client: written.name, server: written.server }
  check(written, asked)
  const signed = await beginOf(written, { asked, body }, parts).catch((error: unknown) => {
    throw asInvalidGrant(error)
  })
  // Whoever showed the code a second time has left this before looking for what the first had made.
  const again = await deps.tickets.take('code shown again', ticketId(body), deps.clock.now())
  if (again !== undefined) return shownAgain(asked, body, parts)
  const { signIn } = signed
  const refreshable = asked.client.grants.includes('refresh_token')
  return answerOf(signed, deps.clock.now(), refreshable ? refreshTokens.of(signIn) : undefined)
}

/** The sign-in that a code makes has a name that the code tells, so that a second one finds it. */
const signInOf = (body: string): string => hash('sha256', `sign-in of ${body}`, 'base64url').slice(0, 22)

/** A code that is shown twice was stolen by one of the two: what it made ends (RFC 6749 §4.1.2). @throws grant_replayed */
async function shownAgain(asked: Asked, body: string, { deps, options }: Parts): Promise<never> {
  const now = deps.clock.now()
  const ticket = { kind: 'code shown again', id: ticketId(body), expiresAt: epoch(now + memory), value: '' }
  await deps.tickets.put(ticket, now)
  const signIn = await deps.signIns.get(options.tenant, signInOf(body))
  if (signIn === undefined) throw invalidGrant()
  const { session } = signIn
  asked.about = whoOf(session)
  await deps.endSession(session, { by: 'sallyport', cause: 'its authorization code was shown again' })
  throw new SallyportError('grant_replayed')
}

/** @throws grant_invalid */
function check({ client, redirect, challenge }: Written, { client: shown, form }: Asked): void {
  // A client of OAuth 2.1 does not repeat it; one that does has to say the same.
  const same = (form.one('redirect_uri') ?? redirect) === redirect
  if (client !== shown.id || !same || !verifies(form, challenge)) throw invalidGrant()
}

/** RFC 7636 §4.1: 43 to 128 characters. */
const verifier = /^[A-Za-z0-9._~-]{43,128}$/

function verifies(form: Form, challenge: string): boolean {
  const shown = form.one('code_verifier')
  return (
    shown !== undefined && verifier.test(shown) && sameText(hash('sha256', shown, 'base64url'), challenge)
  )
}

async function beginOf(
  written: Written,
  { asked, body }: { readonly asked: Asked; readonly body: string },
  parts: Parts,
): Promise<Signed> {
  const { options, deps } = parts
  const server = options.servers.find(({ name }) => name === written.server)
  if (server === undefined) throw invalidGrant()
  const resources = asked.form.all('resource')
  if (resources.some((resource) => resource !== server.resource)) throw new SallyportError('resource_refused')
  checkServer(asked.client, server)
  const { client } = asked
  return begin(
    asked,
    {
      id: signInOf(body),
      subject: subjectOf(written, client.id, parts),
      server,
      scopes: written.scopes,
      grant: 'authorization_code',
      refreshable: client.grants.includes('refresh_token'),
      check: ({ session }) => checkSince(session.sid, written, deps.gate),
    },
    parts,
  )
}

/** Nothing was cut since the person agreed. @throws cut, held, switched_off */
function checkSince(
  sid: string,
  { name, server, visitor, rev }: Written & { readonly rev: Seq },
  gate: Parts['deps']['gate'],
): void {
  const barred = gate.check({ principal: visitor.principal, client: name, server, sid }, rev)
  if (barred !== undefined) throw new SallyportError(barred.reason)
}

function subjectOf(
  { visitor, name, scopes }: Written,
  registration: string,
  { options, deps }: Parts,
): VerifiedSubject {
  const { principal, authTime, authTimeFrom, idpSid, groups, groupsComplete, workflow } = visitor
  const now = deps.clock.now()
  return {
    principal,
    client: name,
    registration,
    authTime,
    authTimeFrom: authTimeFrom ?? 'auth_time',
    issuedAt: now,
    expiresAt: epoch(now + options.access),
    scopes,
    groups,
    groupsComplete,
    ...(idpSid === undefined ? {} : { idpSid }),
    ...(workflow === undefined ? {} : { workflow }),
    subjectFrom: options.subjectFrom,
  }
}
