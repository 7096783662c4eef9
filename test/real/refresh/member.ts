/**
 * One process of a team: the rooms `exchange` and `revocation` on a state of its own, with a secret store that it
 * shares with the others. Takes orders from its parent (see `orders.ts`) and answers them.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createDial } from '../../../src/egress/index.ts'
import { consentId } from '../../../src/exchange/consents.ts'
import { createExchange, type Need } from '../../../src/exchange/index.ts'
import { connectionId, linkedPlace, registrationKey } from '../../../src/exchange/place.ts'
import {
  type Credential,
  type Downstream,
  epoch,
  type GuardedFetch,
  millis,
  SallyportError,
  Secret,
  seconds,
  type Server,
  type Session,
} from '../../../src/model/index.ts'
import { createHorizon, createReplica, createRevocations } from '../../../src/revocation/index.ts'
import { openKeyring, openSqliteState, openVaultSecrets } from '../../../src/storage/index.ts'
import { createMetrics } from '../../../src/telemetry/index.ts'
import { notedAudit, quietLog } from '../../kit/quiet.ts'
import type { FromMember, LinkedTokens, MemberPlan, Moment, Order, PlainLogin, Told } from './orders.ts'

const plan = JSON.parse(process.argv[2] ?? '') as MemberPlan
const { tenant, issuer } = plan

const time = { ahead: 0 }
const clock = {
  now: () => epoch(Date.now() / 1000 + time.ahead),
  monotonic: () => millis(performance.now()),
}
const say = (message: FromMember): void => void process.send?.(message)

/** Where the next refresh waits, and for what. */
const halt: { at?: Moment; go?: () => void } = {}

async function pass(at: Moment): Promise<void> {
  if (halt.at !== at) return
  const { promise, resolve } = Promise.withResolvers<undefined>()
  halt.go = () => resolve(undefined)
  delete halt.at
  say({ event: 'halted', at })
  await promise
}

const dial = createDial({
  origins: [issuer, ...plan.addresses].map((url) => ({ url })),
  network: { allow: [], deny: [] },
  connectTimeoutMs: 2000,
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
})
const fetch: GuardedFetch = async (url, init) => {
  const isRefresh = String(init?.body ?? '').includes('grant_type=refresh_token')
  if (isRefresh) await pass('before the token call')
  const answer = await dial.fetch(url, init)
  if (isRefresh) await pass('after the token call')
  return answer
}

const login = ({ role, secret, mount }: PlainLogin) =>
  ({ kind: 'approle', role, secret: new Secret(secret, 'secret id'), mount }) as const
const { runtime, connecting, keeper } = plan.logins
const secrets = await openVaultSecrets(
  {
    ...plan,
    groups: [plan.group],
    logins: { runtime: login(runtime), connecting: login(connecting), keeper: login(keeper) },
  },
  { fetch: dial.fetch, clock, log: quietLog, random: randomBytes },
)

const key = new Secret(new Uint8Array(32).fill(7), 'key')
const keyring = openKeyring(plan.folder, key)
const state = openSqliteState(join(plan.folder, 'state.db'), { newEpoch: randomUUID })
const replica = createReplica({ tenant, skew: seconds(0) }, { lease: { fresh: () => true } })
const metrics = createMetrics({ process: false })
const audit = { ...notedAudit(), fingerprint: (secret: Secret) => secret.reveal().slice(-16) }

const server: Server = {
  name: plan.group,
  resource: `https://${plan.group}.example/mcp`,
  audiences: [],
  extraAudiences: [],
  acceptSubjectToken: false,
  group: plan.group,
  allow: [],
  deny: [],
  direct: [],
  tools: [],
}
const client = { id: 'sallyport', secret: new Secret('client-secret', 'client secret') }
const orders: Downstream = {
  name: 'orders',
  origin: 'https://orders.internal',
  basePath: '',
  resource: 'https://orders.internal',
  operations: [],
  credential: {
    kind: 'exchange',
    issuer,
    client,
    audience: 'orders-api',
    scope: ['orders.read'],
    refresh: true,
  },
}

const tracker: Downstream = {
  ...orders,
  name: 'tracker',
  origin: 'https://tracker.example',
  resource: 'https://tracker.example',
  credential: { kind: 'linked', issuer, client, scope: ['read'], origins: [] },
}
const downstreamOf = (subject: string) => (subject.startsWith('linked') ? tracker : orders)

const common = { secrets, audit, gate: replica.gate, clock, log: quietLog, metrics, state }
const exchange = createExchange(
  { downstream: (name) => [orders, tracker].find((it) => it.name === name) },
  {
    ...common,
    fetch,
    random: randomBytes,
    connections: state.connections,
    consents: state.consents,
    introduction: {
      url: 'https://sallyport.example',
      allowOrigin: () => undefined,
      given: { read: async () => undefined, write: async () => undefined },
    },
    sessionEnded: () => undefined,
    revokeLater: (place, token) => revocations.revokeLater(place, token),
  },
)
const revocations = createRevocations(
  { tenant },
  {
    ...common,
    replica,
    horizon: createHorizon(clock),
    signer: keyring.signer,
    random: randomUUID,
    bar: async (scope) => {
      exchange.bar(scope)
      return { sessions: 0, signIns: 'auth_time' }
    },
    provider: exchange.revokeAtProvider,
  },
)
await revocations.start(false)

const principalOf = (subject: string) => ({ kind: 'user', tenant, issuer, subject }) as const

function sessionOf(subject: string): Session {
  return {
    sid: `sid-${subject}`,
    principal: principalOf(subject),
    client: 'chat',
    server: server.name,
    authTime: clock.now(),
    groups: [],
    groupsComplete: true,
    rev: replica.gate.applied,
  }
}

function needOf(subject: string): Need {
  const rev = replica.gate.applied
  const access = {
    session: sessionOf(subject),
    actor: undefined,
    audiences: [server.resource],
    scopes: [],
    jti: 'jti',
    expiresAt: epoch(clock.now() + 3600),
    rev,
  }
  return { access, server, downstream: downstreamOf(subject), rev }
}

/** As though the person had linked the account in a browser, and agreed that the client may use it. */
async function link(subject: string, tokens: LinkedTokens | undefined): Promise<void> {
  const principal = principalOf(subject)
  const place = linkedPlace({ server, downstream: tracker }, principal, '')
  const now = clock.now()
  const rev = replica.gate.applied
  const scopes = ['read']
  const connection = connectionId(place)
  const common = { server: server.name, rev, scopes }
  await state.connections.put({
    ...common,
    id: connection,
    place,
    kind: 'linked',
    createdAt: now,
    status: 'active',
  })
  const of = { principal, registration: 'chat', server: server.name, downstream: tracker.name }
  await state.consents.put({ ...common, ...of, id: consentId(of), client: 'chat', connection, at: now })
  if (tokens === undefined) return
  const both = { rt: new Secret(tokens.rt, 'refresh token'), at: new Secret(tokens.at, 'access token') }
  const stored = await secrets.read(place)
  const facts = { v: 1, gen: (stored?.grant?.gen ?? 0) + 1, status: 'active', rev, scopes } as const
  const times = { obtained: now, exp: epoch(now + tokens.life) }
  const grant = { ...facts, ...times, ...both, registration: registrationKey({ issuer, client }) }
  if (stored?.grant === undefined) await secrets.create(place, grant, stored?.version ?? 0)
  else await secrets.update(place, grant, stored.version)
}

const last = new Map<string, Credential>()

async function acquire(subject: string, times: number): Promise<Told> {
  const tokens: Record<string, number> = {}
  const codes: Record<string, number> = {}
  const count = (into: Record<string, number>, name: string) => (into[name] = (into[name] ?? 0) + 1)
  const one = async () => {
    try {
      const credential = await exchange.acquire(needOf(subject))
      last.set(subject, credential)
      count(tokens, credential.secret.reveal())
    } catch (error) {
      count(codes, error instanceof SallyportError ? error.code : String(error))
    }
  }
  await Promise.all(Array.from({ length: times }, one))
  return { tokens, codes }
}

async function revoke(subject: string) {
  const scope = { kind: 'user', principal: principalOf(subject) } as const
  const asked = { id: randomUUID(), scope, hold: false, cause: 'left', by: 'test' } as const
  const { receipt } = await revocations.revoke({ ...asked, wait: 'providers', waitSeconds: 20 })
  return { status: receipt.status, providers: receipt.connections.map(({ provider }) => provider) }
}

async function unsaved(): Promise<number> {
  return Number(/^sallyport_unsaved_grants (\d+)$/m.exec(await metrics.text())?.[1])
}

async function close(): Promise<void> {
  await exchange.close()
  await revocations.close()
  await secrets.close()
  await dial.close()
  await state.close()
}

function obey(order: Order): unknown {
  switch (order.do) {
    case 'hand':
      exchange.hand(
        sessionOf(order.subject),
        new Secret(order.token, 'subject token'),
        epoch(clock.now() + 300),
      )
      return undefined
    case 'link':
      return link(order.subject, order.tokens)
    case 'acquire':
      return acquire(order.subject, order.times)
    case 'refused': {
      const credential = last.get(order.subject)
      if (credential !== undefined) exchange.refused(needOf(order.subject), credential)
      return undefined
    }
    case 'clock':
      time.ahead = order.ahead
      return undefined
    case 'halt':
      halt.at = order.at
      return undefined
    case 'go':
      delete halt.at
      halt.go?.()
      return undefined
    case 'revoke':
      return revoke(order.subject)
    case 'unsaved':
      return unsaved()
    case 'close':
      return close()
  }
}

async function answer(number: number, order: Order): Promise<void> {
  try {
    say({ event: 'done', order: number, result: await obey(order) })
  } catch (error) {
    say({ event: 'failed', order: number, why: String(error) })
  }
}

process.on('message', ({ number, order }: { number: number; order: Order }) => void answer(number, order))
process.on('disconnect', () => {
  process.exit()
})
say({ event: 'ready' })
