import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  type Connection,
  type Consent,
  principalKey,
  type Receipt,
  SallyportError,
  type Visitor,
} from '../model/index.ts'
import { accountsPage, type AccountView, type Page } from '../pages/index.ts'
import { nameOf } from './asked.ts'
import type { Inside } from './deps.ts'
import { send } from './send.ts'

const purpose = 'disconnect'

const isOwn = ({ kind, status }: Connection): boolean =>
  status === 'active' && (kind === 'linked' || kind === 'static')

async function ownConnections({ principal }: Visitor, { connections }: Inside): Promise<Connection[]> {
  const all = await connections.list(principal.tenant, { kind: 'user', principal })
  return all.filter(isOwn)
}

async function viewOf(
  connection: Connection,
  consents: readonly Consent[],
  hidden: string,
  inside: Inside,
): Promise<AccountView> {
  const { id, place, account, createdAt, scopes = [] } = connection
  const downstream = inside.downstream(place.downstream)
  const linked = downstream !== undefined && connection.kind === 'linked' ? downstream : undefined
  const described = linked === undefined ? undefined : await inside.exchange.linking.describe(linked)
  const says = new Map(described?.scopes.map((scope) => [scope.name, scope.says]))
  const ended = linked !== undefined && (await inside.exchange.linking.hasEnded(connection, linked))
  const name = account?.name ?? account?.id
  const servers = consents.filter((consent) => consent.connection === id).map((consent) => consent.server)
  const again = `/connect/${encodeURIComponent(place.downstream)}?server=${encodeURIComponent(connection.server)}`
  return {
    service: { downstream: place.downstream, title: described?.title ?? place.downstream },
    ...(name === undefined ? {} : { account: name }),
    servers: [...new Set(connection.operator === true ? [connection.server, ...servers] : servers)],
    scopes: scopes.map((scope) => {
      const sentence = says.get(scope)
      return { name: scope, ...(sentence === undefined ? {} : { sentence }) }
    }),
    since: createdAt,
    ...(ended ? { reconnectAt: again } : {}),
    disconnect: { action: '/accounts/disconnect', hidden: { form: hidden } },
  }
}

async function overview(
  visitor: Visitor,
  request: FastifyRequest,
  inside: Inside,
  notice?: string,
): Promise<Page> {
  const { principal } = visitor
  const consents = await inside.consents.list(principal.tenant, { kind: 'user', principal })
  const own = await ownConnections(visitor, inside)
  const accounts = await Promise.all(
    own.map((it) => viewOf(it, consents, inside.people.forms.make(request, purpose, it.id), inside)),
  )
  return accountsPage({
    person: nameOf(visitor),
    accounts,
    ...(notice === undefined ? {} : { notice }),
  })
}

/** What became of it, in the receipt's own words. */
function noticeOf({ status, connections }: Receipt): string {
  const [connection] = connections
  const here =
    status === 'complete'
      ? 'Disconnected: nothing uses it any more.'
      : 'Disconnected; some of it is still being cleared away.'
  const there = {
    revoked: 'Its access was revoked at the provider.',
    already_invalid: 'Its access had ended at the provider before.',
    unsupported: 'The provider was not asked to revoke it, because it offers no way to.',
    failed: 'The provider did not answer; it is asked again until it does.',
    pending: 'The provider is still being asked to revoke it.',
    expired_first: 'The provider did not answer in time.',
  }[connection?.provider ?? 'unsupported']
  return [here, there, connection?.remains].filter((text) => text !== undefined).join(' ')
}

async function disconnect(id: string, visitor: Visitor, inside: Inside): Promise<Receipt> {
  const { principal } = visitor
  const connection = await inside.connections.get(principal.tenant, id)
  // Another person's is one that does not exist.
  const own = connection !== undefined && principalKey(connection.place.principal) === principalKey(principal)
  if (!own || !isOwn(connection)) throw new SallyportError('not_found')
  await inside.audit.note({
    kind: 'disconnect',
    who: { principal, server: connection.server },
    downstream: connection.place.downstream,
    result: 'done',
    details: { connection: id },
  })
  const scope = { kind: 'connection', tenant: principal.tenant, connection: id } as const
  return inside.disconnect(scope, 'its owner')
}

/** A person's own accounts, and the way to end one: the same revocation as an administrator's. */
export function mountOwnAccounts(app: FastifyInstance, inside: Inside): void {
  app.get('/accounts', async (request, reply) => {
    const visitor = inside.people.visitor(request)
    if (visitor === undefined) await inside.people.askToSignIn(request, reply)
    else send(reply, await overview(visitor, request, inside))
    return reply
  })
  app.post<{ Body: { form?: string } }>('/accounts/disconnect', async (request, reply) => {
    const visitor = inside.people.visitor(request)
    if (visitor === undefined) throw new SallyportError('form_refused')
    const connection = inside.people.forms.read(request, purpose, request.body.form)
    const receipt = await disconnect(connection, visitor, inside)
    return send(reply, await overview(visitor, request, inside, noticeOf(receipt)))
  })
}
