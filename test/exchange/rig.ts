import { createHash } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { createExchange, type Exchange, type Need } from '../../src/exchange/index.ts'
import {
  type Access,
  type Actor,
  type Connection,
  type Consent,
  type Credential,
  type CredentialSource,
  type Downstream,
  epoch,
  type Gate,
  type GuardedFetch,
  millis,
  type Principal,
  type RecordEvent,
  SallyportError,
  type Scope,
  Secret,
  type Seq,
  type Server,
  type Session,
  scopeKey,
  workKeys,
} from '../../src/model/index.ts'
import type { ConnectionIndex, Consents } from '../../src/storage/index.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/index.ts'
import { fakeClock } from '../kit/clock.ts'
import { type MemorySecrets, memorySecrets } from '../kit/memory-secrets.ts'
import { fakeProvider, type Provider } from '../kit/provider.ts'
import { notedAudit, quietLog } from '../kit/quiet.ts'

export const tenant = 'acme'

/** A gate whose cuts a test makes; it answers like the real one. */
export interface FakeGate extends Gate {
  cut(scope: Scope): Seq
  /** Move the log without cutting anything. */
  advance(): Seq
  isFresh: boolean
}

export function fakeGate(): FakeGate {
  const cuts: { scope: Scope; seq: Seq }[] = []
  let applied = 0
  const gate: FakeGate = {
    isFresh: true,
    get applied() {
      return applied
    },
    fresh: () => gate.isFresh,
    check(work, rev) {
      if (!gate.isFresh) return { reason: 'lease_lapsed' }
      const keys = workKeys(work)
      const hit = cuts.find(({ scope, seq }) => seq > rev && keys.includes(scopeKey(scope)))
      return hit === undefined ? undefined : { reason: 'cut', ...hit }
    },
    cut(scope) {
      applied++
      cuts.push({ scope, seq: applied })
      return applied
    },
    advance: () => ++applied,
  }
  return gate
}

export function memoryConnections(): ConnectionIndex & { readonly rows: Map<string, Connection> } {
  const rows = new Map<string, Connection>()
  return {
    rows,
    put: async (connection) => void rows.set(connection.id, connection),
    get: async (_tenant, id) => rows.get(id),
    reached: async () => [...rows.values()],
    list: async () => [...rows.values()],
    pending: async () => [...rows.values()].filter(({ status }) => status === 'pending'),
    activate: async (_tenant, id) => {
      const row = rows.get(id)
      if (row?.status === 'pending') rows.set(id, { ...row, status: 'active' })
    },
    want: async (_tenant, id, wanted) => {
      const row = rows.get(id)
      if (row?.status === 'active') rows.set(id, { ...row, wanted })
    },
    markDestroyed: async (_tenant, id) => {
      const row = rows.get(id)
      if (row !== undefined) rows.set(id, { ...row, status: 'destroyed' })
    },
  }
}

export function memoryConsents(): Pick<Consents, 'get' | 'put'> & { readonly rows: Map<string, Consent> } {
  const rows = new Map<string, Consent>()
  return {
    rows,
    put: async (consent) => void rows.set(consent.id, consent),
    get: async (_tenant, id) => rows.get(id),
  }
}

/** What servers gave sallyport when it introduced itself, in clear. */
export function introduction(url = 'https://sallyport.example') {
  const given = new Map<string, string>()
  const allowed: string[] = []
  return {
    url,
    allowed,
    allowOrigin: (origin: string) => void allowed.push(origin),
    given: {
      read: async (name: string) => given.get(name),
      write: async (name: string, text: string) => void given.set(name, text),
    },
  }
}

/** A person's sign-in as it stands in a need. */
export interface Who {
  readonly subject?: string
  readonly client?: string
  readonly sid?: string
  readonly actor?: Actor
  readonly principal?: Partial<Principal>
}

export interface Rig {
  readonly exchange: Exchange
  readonly clock: ReturnType<typeof fakeClock>
  readonly provider: Provider
  readonly secrets: MemorySecrets
  readonly connections: ReturnType<typeof memoryConnections>
  readonly consents: ReturnType<typeof memoryConsents>
  readonly gate: FakeGate
  readonly events: RecordEvent[]
  /** Refresh tokens whose provider did not answer when they were given back. */
  /** Sessions whose sign-in was found to be over. */
  readonly ended: { readonly sid: string; readonly cause: string }[]
  readonly revokedLater: readonly string[]
  readonly metrics: Metrics
  need(downstream: Downstream, who?: Who): Need
  session(who?: Who): Session
  /** Hand over a subject token for the sign-in, with these claims, living for so long. */
  hand(who?: Who, claims?: Record<string, unknown>, life?: number): void
  /** Another process on the same store, index, log and provider. */
  replica(fetch?: GuardedFetch): Exchange
}

export const server: Server = {
  name: 'crm',
  resource: 'https://crm.example/mcp',
  audiences: [],
  extraAudiences: [],
  acceptSubjectToken: false,
  group: 'crm',
  allow: [],
  deny: [],
  direct: [],
  tools: [],
}

export const client = { id: 'sallyport', secret: new Secret('client-secret', 'client secret') }

export function downstream(name: string, credential: CredentialSource): Downstream {
  const origin = `https://${name}.internal`
  return { name, origin, basePath: '', resource: origin, operations: [], credential }
}

export function exchanged(
  issuer: string,
  more: Partial<Extract<CredentialSource, { kind: 'exchange' }>> = {},
): Downstream {
  const source = { kind: 'exchange', issuer, client, audience: 'orders-api', scope: ['orders.read'] } as const
  return downstream('orders', { ...source, refresh: false, ...more })
}

export function systemOwned(
  issuer: string,
  more: Partial<Extract<CredentialSource, { kind: 'client-credentials' }>> = {},
): Downstream {
  const source = {
    kind: 'client-credentials',
    issuer,
    client,
    audience: 'stock-api',
    scope: ['stock'],
  } as const
  return downstream('stock', { ...source, ...more })
}

export const forAll = (value = 'static-for-all'): Downstream =>
  downstream('legacy', {
    kind: 'static',
    per: 'all',
    owner: 'crm-team',
    placement: { kind: 'header', name: 'X-Api-Key' },
    value: new Secret(value, 'static key'),
  })

export const perUser: Downstream = downstream('tracker', {
  kind: 'static',
  per: 'user',
  placement: { kind: 'header', name: 'X-Token' },
})

export const reveal = (credential: Credential): string => credential.secret.reveal()

/** The code of what was thrown; anything but a SallyportError fails the test. */
export async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    if (error instanceof SallyportError) return error.code
    throw error
  }
  return 'nothing was thrown'
}

export function claimsIn(credential: Credential): Record<string, unknown> {
  return JSON.parse(Buffer.from(reveal(credential).split('.')[1] ?? '', 'base64url').toString())
}

/** Both clocks go only when told. */
function steppedClock(): ReturnType<typeof fakeClock> {
  const clock = fakeClock()
  return { ...clock, monotonic: () => millis(clock.now() * 1000) }
}

/** The room on fakes of everything around it. */
export function rig(): Rig {
  const clock = steppedClock()
  const provider = fakeProvider(clock)
  const secrets = memorySecrets()
  const connections = memoryConnections()
  const consents = memoryConsents()
  const gate = fakeGate()
  const noted = notedAudit()
  const fingerprint = (secret: Secret): string =>
    createHash('sha256').update(secret.reveal()).digest('hex').slice(0, 16)
  const audit = { ...noted, fingerprint }
  const downstreams = new Map<string, Downstream>()
  const revokedLater: string[] = []
  const ended: Rig['ended'] = []
  const metrics = createMetrics({ process: false })
  let seed = 0

  function replica(fetch: GuardedFetch = provider.fetch): Exchange {
    const random = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(++seed)
    const login = { issuer: provider.issuer, client }
    const slice = { downstream: (name: string) => downstreams.get(name), login }
    const exchange = createExchange(slice, {
      fetch,
      secrets,
      connections,
      consents,
      introduction: introduction(),
      audit,
      gate,
      clock,
      random,
      log: quietLog,
      metrics,
      sessionEnded: (session, cause) => ended.push({ sid: session.sid, cause }),
      revokeLater: async (_place, token) => void revokedLater.push(token.reveal()),
    })
    onTestFinished(() => exchange.close())
    return exchange
  }

  function session(who: Who = {}): Session {
    const { subject = 'alice', client: clientName = 'chat', principal = {} } = who
    return {
      sid: who.sid ?? `sid-${subject}-${clientName}`,
      principal: { kind: 'user', tenant, issuer: provider.issuer, subject, ...principal },
      client: clientName,
      server: server.name,
      authTime: clock.now(),
      groups: [],
      groupsComplete: true,
      rev: gate.applied,
    }
  }

  const exchange = replica()
  return {
    exchange,
    clock,
    provider,
    secrets,
    connections,
    consents,
    gate,
    events: noted.events,
    revokedLater,
    ended,
    metrics,
    session,
    replica,
    need(to, who = {}) {
      downstreams.set(to.name, to)
      const access: Access = {
        session: session(who),
        actor: who.actor,
        audiences: [to.resource],
        scopes: [],
        jti: 'jti',
        expiresAt: epoch(clock.now() + 300),
        rev: gate.applied,
      }
      return { access, server, downstream: to, rev: gate.applied }
    },
    hand(who = {}, claims = {}, life = 300) {
      const token = provider.subject({ sub: who.subject ?? 'alice', exp: clock.now() + life, ...claims })
      exchange.hand(session(who), new Secret(token, 'subject token'), epoch(clock.now() + life))
    },
  }
}
