import type { FastifyRequest } from 'fastify'
import type { Audit } from '../../audit/index.ts'
import { type Form, parseForm } from '../../identity/index.ts'
import {
  asSallyportError,
  type Decision,
  type Facts,
  factsOfSession,
  type Gate,
  type ReasonCode,
  SallyportError,
  type Seconds,
  type Server,
  type Visitor,
} from '../../model/index.ts'
import { consentPage, messagePage, type Page, signInPage } from '../../pages/index.ts'
import { type Answer, pageAnswer } from '../browser/answer.ts'
import type { Forms } from '../browser/forms.ts'
import type { Visitors } from '../browser/visitors.ts'
import { type Clients, takesRedirect } from '../clients/clients.ts'
import type { Logins } from '../login/logins.ts'
import type { Client, Tokens } from '../shapes.ts'
import { answerUrl, type Back, errorUrl, leave, viewOf } from './answer.ts'
import type { Agreeing, ConsentBook } from './consents.ts'
import { afterLogin, type Asked, readAddressed, readAsked } from './request.ts'

/** The authorization endpoint (RFC 6749 §3.1), from a client's request to the answer that it is sent. */
export interface Authorization {
  /** `query` is the request as it stands in a URL, which a form of POST is made into. */
  begin(request: FastifyRequest, query: string): Promise<Answer>
  /** What the person answered on the consent page. */
  answer(request: FastifyRequest, form: Form): Promise<Answer>
}

export interface AuthorizeSlice {
  readonly url: string
  /** Those behind the gateway. */
  readonly servers: readonly Server[]
  /** The host of the IdP, as people are told; undefined where the sign-in is our own. */
  readonly idpHost: string | undefined
  /** How long a sign-in of a client lasts. */
  readonly lasts: { readonly longest: Seconds; readonly idle: Seconds }
}

export interface AuthorizeDeps {
  readonly clients: Clients
  readonly visitors: Visitors
  readonly logins: Logins
  readonly forms: Forms
  readonly consents: ConsentBook
  readonly tokens: Pick<Tokens, 'issueCode'>
  /** May this person work at this server at all? */
  readonly admit: (facts: Facts, downstreams: readonly string[]) => Decision<readonly string[]>
  readonly gate: Gate
  readonly audit: Pick<Audit, 'note'>
}

const endpoint = '/oauth2/authorize'
const purpose = 'consent'

export function createAuthorization(slice: AuthorizeSlice, deps: AuthorizeDeps): Authorization {
  const inside = { ...slice, ...deps }
  return {
    begin: (request, query) => answering({ request, query, after: 'link' }, inside, ask),
    answer: async (request, form) => {
      const query = deps.forms.read(request, purpose, form.one('request'))
      const allowed = form.one('answer') === 'allow'
      return answering({ request, query, after: 'form' }, inside, (it) => conclude(it, allowed, inside))
    },
  }
}

type Inside = AuthorizeSlice & AuthorizeDeps

interface Turn {
  readonly request: FastifyRequest
  /** The client's request as it stands in a URL. */
  readonly query: string
  readonly after: 'form' | 'link'
}

/** A request that may be answered to its client. */
interface Asking extends Turn {
  readonly back: Back
  readonly asked: Asked
}

/** What fails before the redirect URI is known to be the client's is shown here, and nothing leaves. @throws SallyportError */
async function answering(
  turn: Turn,
  inside: Inside,
  next: (asking: Asking, inside: Inside) => Promise<Answer>,
): Promise<Answer> {
  const form = parseForm(turn.query)
  const { clientId, redirect } = readAddressed(form)
  const found = await inside.clients.find(clientId)
  if (found === undefined) throw new SallyportError('client_unknown')
  if (!takesRedirect(found, redirect)) throw new SallyportError('redirect_refused')
  const client = inside.clients.answeredAt(found, redirect)
  const back = { client, redirect, state: form.one('state'), issuer: inside.url }
  try {
    const asked = readAsked(form, inside.servers)
    checkClient(client, asked.server)
    return await next({ ...turn, back, asked }, inside)
  } catch (error) {
    const failure = asSallyportError(error)
    if (failure.row.status >= 500) throw failure
    return leave(back, errorUrl(back, failure), turn.after)
  }
}

/** @throws client_grant_refused, client_not_for_server */
function checkClient({ grants, servers }: Client, server: Server): void {
  if (!grants.includes('authorization_code')) throw new SallyportError('client_grant_refused')
  if (servers?.includes(server.name) === false) throw new SallyportError('client_not_for_server')
}

/** Who is it, may they, and have they agreed? */
async function ask(asking: Asking, inside: Inside): Promise<Answer> {
  const { request, back, asked } = asking
  const visitor = inside.visitors.of(request)
  if (visitor === undefined || asked.prompt.has('login') || asked.prompt.has('select_account')) {
    if (asked.prompt.has('none')) throw new SallyportError('login_required')
    return signIn(asking, inside)
  }
  const refused = await admitted(visitor, asking, inside)
  if (refused !== undefined) return refused
  // A client that nobody vouches for is asked about each time: another program could come under its name.
  const agreeing = { visitor, client: back.client, server: asked.server, scopes: asked.scopes }
  const vouched = back.client.title !== undefined && !asked.prompt.has('consent')
  if (vouched && (await inside.consents.has(agreeing))) return finish(asking, agreeing, inside)
  if (asked.prompt.has('none')) throw new SallyportError('consent_required')
  return pageAnswer(200, consentOf(asking, visitor, inside))
}

/** Straight on where somebody vouches for the client; people who come from any other are told first where they are going. */
async function signIn({ request, query, back, asked }: Asking, inside: Inside): Promise<Answer> {
  const { logins, idpHost } = inside
  const to = `${endpoint}?${afterLogin(query)}`
  const how = asked.prompt.has('login') ? 'fresh' : asked.prompt.has('select_account') ? 'choose' : 'usual'
  if (back.client.title !== undefined || idpHost === undefined) return logins.ask(request, to, how)
  const page = signInPage({
    client: viewOf(back.client, back.redirect),
    server: asked.server,
    idpHost,
    continueAt: inside.url + logins.linkTo(to, how),
  })
  return pageAnswer(200, page)
}

function consentOf({ request, query, back, asked }: Asking, visitor: Visitor, inside: Inside): Page {
  return consentPage({
    person: visitor.name ?? visitor.principal.subject,
    client: viewOf(back.client, back.redirect),
    server: asked.server,
    scopes: [],
    lasts: inside.lasts,
    form: {
      action: `${inside.url}/oauth2/consent`,
      hidden: { request: inside.forms.make(request, purpose, query) },
    },
  })
}

async function conclude(asking: Asking, allowed: boolean, inside: Inside): Promise<Answer> {
  const { request, back, asked } = asking
  const visitor = inside.visitors.of(request)
  if (visitor === undefined) return signIn(asking, inside)
  const refused = await admitted(visitor, asking, inside)
  if (refused !== undefined) return refused
  const agreeing = { visitor, client: back.client, server: asked.server, scopes: asked.scopes }
  if (!allowed) {
    await note({ kind: 'consent', reason: 'consent_denied' }, agreeing, asking, inside)
    return leave(back, errorUrl(back, new SallyportError('consent_denied')), asking.after)
  }
  await inside.consents.keep(agreeing)
  await note({ kind: 'consent', reason: 'allowed' }, agreeing, asking, inside)
  return finish(asking, agreeing, inside)
}

async function finish({ back, asked, after }: Asking, agreeing: Agreeing, inside: Inside): Promise<Answer> {
  const { client, redirect } = back
  const { visitor, server, scopes } = agreeing
  const { challenge } = asked
  const approved = { client, redirect, challenge, server, scopes, visitor, rev: inside.gate.applied }
  const code = await inside.tokens.issueCode(approved)
  return leave(back, answerUrl(back, { code }), after)
}

/** A person who may not use the server is told why, here: the client learns that it was refused, and no more. */
async function admitted(visitor: Visitor, asking: Asking, inside: Inside): Promise<Answer | undefined> {
  const { request, back, asked } = asking
  const { client } = back
  const decision = inside.admit(
    factsOfSession({ ...visitor, client: client.name, server: asked.server.name }),
    [],
  )
  if (decision.effect === 'allow') return undefined
  const { reason, rule } = decision
  const error = new SallyportError(reason, { rule })
  const agreeing = { visitor, client, server: asked.server, scopes: asked.scopes }
  await note({ kind: 'denial', reason, rule }, agreeing, asking, inside)
  const page = messagePage({
    heading: `You may not use ${asked.server.name}`,
    code: reason,
    sentence: error.row.sentence,
    next: `You are signed in as ${visitor.name ?? visitor.principal.subject}.${groupsLeftOut(visitor)} Tell whoever runs sallyport here, and name the code below.`,
    link: { at: errorUrl(back, new SallyportError('not_allowed')), text: 'Back to the app' },
    requestId: request.id,
  })
  return pageAnswer(403, page)
}

/** Entra names no group of somebody who is in more than 200. */
const groupsLeftOut = ({ groupsComplete }: Visitor): string =>
  groupsComplete
    ? ''
    : ' The identity provider left out some of your groups, so no rule on a group lets you in.'

interface Noted {
  readonly kind: 'consent' | 'denial'
  readonly reason: ReasonCode
  readonly rule?: string
}

async function note(
  noted: Noted,
  { visitor, client, server, scopes }: Agreeing,
  { request, back }: Asking,
  { audit, gate }: Inside,
): Promise<void> {
  await audit.note({
    ...noted,
    request: request.id,
    who: { principal: visitor.principal, client: client.name, server: server.name },
    decision: noted.reason === 'allowed' ? 'allow' : 'deny',
    rev: gate.applied,
    details: { registration: client.id, redirect: back.redirect, scope: scopes.join(' ') },
  })
}
