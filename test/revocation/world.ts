import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  type Connection,
  epoch,
  type Grant,
  type GrantPlace,
  type Principal,
  type ProviderOutcome,
  type Scope,
  Secret,
  seconds,
  type Session,
} from '../../src/model/index.ts'
import {
  createHorizon,
  createReplica,
  createRevocations,
  type RevocationOrder,
} from '../../src/revocation/index.ts'
import { openFileSecrets, openKeyring, openSqliteState, type Secrets } from '../../src/storage/index.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { fakeClock } from '../kit/clock.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { notedAudit, quietLog } from '../kit/quiet.ts'

export const alice: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' }
export const bob: Principal = { ...alice, subject: 'bob' }
const key = new Secret(new Uint8Array(32).fill(3), 'key')

/** The room on a real state and a real secret store in files; the provider and the store can be made to fail. */
export async function openWorld(folder = temporaryFolder()) {
  const clock = fakeClock()
  const keyring = openKeyring(folder, key)
  const state = openSqliteState(join(folder, 'state.db'), { newEpoch: () => 'epoch-1' })
  const stored = await openFileSecrets({ dir: join(folder, 'secrets'), key }, { clock, random: randomBytes })
  const faults: { store?: Error; provider: ProviderOutcome } = { provider: 'revoked' }
  const secrets: Secrets = {
    ...stored,
    destroy: async (place, tomb) => {
      if (faults.store !== undefined) throw faults.store
      await stored.destroy(place, tomb)
    },
  }
  const asked: { place: GrantPlace; token: string }[] = []
  const barred: Scope[] = []
  const lease = { fresh: () => true }
  const replica = createReplica({ tenant: 'acme', skew: seconds(0) }, { lease })
  const horizon = createHorizon(clock)
  const audit = notedAudit()
  const open = () =>
    createRevocations(
      { tenant: 'acme' },
      {
        state,
        replica,
        horizon,
        secrets,
        audit,
        clock,
        log: quietLog,
        metrics: createMetrics({ process: false }),
        signer: keyring.signer,
        random: randomUUID,
        bar: async (scope, seq) => {
          barred.push(scope)
          return { sessions: await state.sessions.end(scope, seq), signIns: 'auth_time' }
        },
        provider: async (place, token) => {
          asked.push({ place, token: token.reveal() })
          return { outcome: faults.provider }
        },
      },
    )
  const revocations = open()
  onTestFinished(async () => {
    await revocations.close()
    await secrets.close()
    await state.close()
  })
  return {
    folder,
    clock,
    state,
    secrets,
    stored,
    faults,
    asked,
    barred,
    replica,
    horizon,
    audit,
    keyring,
    revocations,
    open,
  }
}

export type World = Awaited<ReturnType<typeof openWorld>>

export function placeOf(principal: Principal, downstream = 'orders'): GrantPlace {
  return { tenant: 'acme', group: 'crm', principal, downstream, audience: downstream }
}

/** Puts a stored connection there as the exchange would: grant first, then its row. */
export async function keepConnection(
  world: World,
  principal: Principal,
  over: Partial<Grant> = {},
): Promise<Connection> {
  const place = placeOf(principal)
  const rev = world.replica.gate.applied
  const grant: Grant = {
    v: 1,
    gen: 1,
    rt: new Secret(`refresh-${principal.subject}`, 'refresh token'),
    at: new Secret('access', 'access token'),
    exp: epoch(world.clock.now() + 300),
    status: 'active',
    rev,
    registration: 'sallyport',
    scopes: [],
    ...over,
  }
  const found = await world.stored.read(place)
  await world.stored.create(place, grant, found?.version ?? 0)
  const connection: Connection = {
    id: `connection-of-${principal.subject}`,
    place,
    kind: 'exchange',
    server: 'crm',
    client: 'chat',
    sid: `sid-${principal.subject}`,
    createdAt: world.clock.now(),
    rev,
    status: 'active',
  }
  await world.state.connections.put(connection)
  return connection
}

export async function keepSession(world: World, principal: Principal): Promise<Session> {
  const session: Session = {
    sid: `sid-${principal.subject}`,
    principal,
    client: 'chat',
    server: 'crm',
    authTime: world.clock.now(),
    groups: [],
    groupsComplete: true,
    rev: world.replica.gate.applied,
  }
  await world.state.sessions.put(session, epoch(world.clock.now() + 300))
  return session
}

export const order = (scope: Scope, over: Partial<RevocationOrder> = {}): RevocationOrder => ({
  id: 'revocation-1',
  scope,
  hold: false,
  cause: 'left',
  by: 'admin',
  wait: 'fence',
  waitSeconds: 2,
  ...over,
})
