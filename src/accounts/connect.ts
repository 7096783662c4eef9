import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  type Connection,
  epoch,
  linkedSourceOf,
  principalKey,
  SallyportError,
  Secret,
} from '../model/index.ts'
import {
  connectedPage,
  connectPage,
  connectSecretPage,
  messagePage,
  type Page,
  useAccountPage,
} from '../pages/index.ts'
import { type Asked, clientView, nameOf, readAsked, type Wanted } from './asked.ts'
import type { Inside } from './deps.ts'
import { send } from './send.ts'

/** The fields of the forms; each comes once. */
interface Fields {
  readonly form?: string
  readonly answer?: string
  readonly use?: string
  readonly secret?: string
}

/** What is remembered while a person is at the provider, sealed. */
export interface Flow {
  /** What this sign-in in this browser is known by. */
  readonly browser: string
  readonly principal: string
  readonly server: string
  readonly downstream: string
  readonly client?: { readonly name: string; readonly registration: string }
  readonly pending: object
}

/** Seconds for which a person may be away at the provider. */
const flowLife = 600

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

const purpose = 'connect'

/** The accounts of this person that could be used here as they are. */
async function accountsOf(
  { visitor, server, downstream }: Asked,
  { connections, exchange }: Inside,
): Promise<Connection[]> {
  const { principal } = visitor
  const all = await connections.list(principal.tenant, { kind: 'user', principal })
  const linked = all.filter(
    ({ place, status, kind, wanted }) =>
      status === 'active' &&
      kind === 'linked' &&
      wanted === undefined &&
      place.downstream === downstream.name &&
      place.group === server.group,
  )
  const ended = await Promise.all(linked.map((it) => exchange.linking.hasEnded(it, downstream)))
  return linked.filter((_, at) => ended[at] === false)
}

const personOf = ({ visitor, server }: Asked) => ({ principal: visitor.principal, server })

/** What all pages of one question have in common. */
function common(asked: Asked, request: FastifyRequest, inside: Inside) {
  const { visitor, server, downstream, sealed, ask } = asked
  const wanted: Wanted = {
    downstream: downstream.name,
    ...(sealed === undefined ? { server: server.name } : { ask: sealed }),
  }
  const hidden = inside.people.forms.make(request, purpose, JSON.stringify(wanted))
  return {
    person: nameOf(visitor),
    ...(ask === undefined ? {} : { client: clientView(ask, inside) }),
    server: { name: server.name, resource: server.resource },
    form: {
      action: `/connect/${encodeURIComponent(downstream.name)}`,
      hidden: { form: hidden },
    },
  }
}

async function question(
  asked: Asked,
  request: FastifyRequest,
  inside: Inside,
  problem?: string,
): Promise<Page> {
  const { downstream } = asked
  const view = common(asked, request, inside)
  const { name } = downstream
  if (downstream.credential.kind === 'static') {
    const service = { downstream: name, title: name }
    return connectSecretPage({ ...view, service, ...(problem === undefined ? {} : { problem }) })
  }
  const { title, host, scopes } = await inside.exchange.linking.describe(downstream, personOf(asked))
  const service = { downstream: name, title }
  const views = scopes.map(({ name: scope, says }) => ({
    name: scope,
    ...(says === undefined ? {} : { sentence: says }),
  }))
  const accounts = await accountsOf(asked, inside)
  if (accounts.length === 0 || asked.ask === undefined)
    return connectPage({ ...view, service, host, scopes: views })
  return useAccountPage({
    ...view,
    client: clientView(asked.ask, inside),
    service,
    host,
    scopes: views,
    accounts: accounts.map(({ id, account }) => ({ id, name: account?.name ?? account?.id ?? title })),
  })
}

/** The person agrees that the client who asked uses this account; nobody asked where he came by himself. */
async function agree(
  { visitor, server, ask }: Pick<Asked, 'visitor' | 'server' | 'ask'>,
  connection: Connection,
  { exchange, applied }: Inside,
): Promise<void> {
  if (ask === undefined) return
  const { client, registration } = ask
  const { principal } = visitor
  await exchange.linking.agree({
    principal,
    registration,
    client,
    server: server.name,
    connection,
    rev: applied(),
  })
}

async function done(
  asked: Pick<Asked, 'downstream' | 'ask'>,
  connection: Connection,
  inside: Inside,
): Promise<Page> {
  const { downstream, ask } = asked
  const account = connection.account?.name ?? connection.account?.id
  const title =
    linkedSourceOf(downstream) !== undefined
      ? (await inside.exchange.linking.describe(downstream)).title
      : downstream.name
  return connectedPage({
    service: { downstream: downstream.name, title },
    ...(account === undefined ? {} : { account }),
    ...(ask === undefined ? {} : { client: clientView(ask, inside) }),
    accountsAt: '/accounts',
  })
}

async function keepSecret(
  asked: Asked,
  fields: Fields,
  request: FastifyRequest,
  inside: Inside,
): Promise<Page> {
  const value = fields.secret?.trim() ?? ''
  if (value.length < 8 || !/^[\x21-\x7e]+$/.test(value))
    return question(asked, request, inside, 'This is no key: at least 8 characters, without blanks.')
  const { server, downstream, visitor } = asked
  const connection = await inside.exchange.connect({
    server,
    downstream,
    principal: visitor.principal,
    value: new Secret(value, 'static secret of a user'),
    rev: inside.applied(),
    operator: false,
  })
  await agree(asked, connection, inside)
  return done(asked, connection, inside)
}

async function useExisting(asked: Asked, id: string, inside: Inside): Promise<Page> {
  const connection = (await accountsOf(asked, inside)).find((it) => it.id === id)
  if (connection === undefined) throw new SallyportError('not_found')
  await agree(asked, connection, inside)
  return done(asked, connection, inside)
}

/** Only now, that the person has agreed, is there a state: it is good once, in this browser, for this person. */
async function sendOn(asked: Asked, request: FastifyRequest, inside: Inside): Promise<string> {
  const { visitor, server, downstream, ask } = asked
  const state = Buffer.from(inside.random(32)).toString('base64url')
  const { url, pending } = await inside.exchange.linking.begin(downstream, state, personOf(asked))
  const flow: Flow = {
    browser: inside.people.binding(request),
    principal: principalKey(visitor.principal),
    server: server.name,
    downstream: downstream.name,
    ...(ask === undefined ? {} : { client: { name: ask.client, registration: ask.registration } }),
    pending,
  }
  const now = inside.clock.now()
  const ticket = {
    kind: 'connect',
    id: hashOf(state),
    expiresAt: epoch(now + flowLife),
    value: JSON.stringify(inside.seal.close(JSON.stringify(flow))),
  }
  if (!(await inside.tickets.put(ticket, now))) throw new SallyportError('internal')
  return url
}

const cancelled = messagePage({
  heading: 'Nothing was connected',
  sentence: 'You did not agree, so nothing was asked for and nothing was kept.',
  next: 'You can close this page.',
})

async function answered(
  asked: Asked,
  fields: Fields,
  request: FastifyRequest,
  inside: Inside,
): Promise<Page | string> {
  if (fields.answer !== 'connect') return cancelled
  if (asked.downstream.credential.kind === 'static') return keepSecret(asked, fields, request, inside)
  if (fields.use !== undefined && fields.use !== '') return useExisting(asked, fields.use, inside)
  return sendOn(asked, request, inside)
}

interface Routed {
  Params: { downstream: string }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** The page of a link, and its form. */
export function mountConnect(app: FastifyInstance, inside: Inside): void {
  app.get<Routed>('/connect/:downstream', async (request, reply) => {
    const visitor = inside.people.visitor(request)
    if (visitor === undefined) {
      await inside.people.askToSignIn(request, reply)
      return reply
    }
    const query = request.query as Readonly<Record<string, unknown>>
    const [ask, server] = [textOf(query['ask']), textOf(query['server'])]
    const wanted: Wanted = {
      downstream: request.params.downstream,
      ...(ask === undefined ? {} : { ask }),
      ...(server === undefined ? {} : { server }),
    }
    const asked = await readAsked(wanted, visitor, inside)
    return send(reply, await question(asked, request, inside))
  })
  app.post<Routed & { Body: Fields }>('/connect/:downstream', async (request, reply) => {
    const visitor = inside.people.visitor(request)
    if (visitor === undefined) throw new SallyportError('form_refused')
    const fields = request.body
    const wanted = JSON.parse(inside.people.forms.read(request, purpose, fields.form)) as Wanted
    if (wanted.downstream !== request.params.downstream) throw new SallyportError('form_refused')
    const asked = await readAsked(wanted, visitor, inside)
    const next = await answered(asked, fields, request, inside)
    return typeof next === 'string' ? reply.redirect(next, 303) : send(reply, next)
  })
}

export { agree, done }
