import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Exchange } from '../../src/exchange/index.ts'
import { consentId } from '../../src/exchange/consents.ts'
import { connectionId, exchangePlace, linkedPlace, registrationKey } from '../../src/exchange/place.ts'
import {
  type Downstream,
  epoch,
  type GrantPlace,
  SallyportError,
  type Scope,
  Secret,
  type StoredGrant,
} from '../../src/model/index.ts'
import { oauthError, type ProviderCall } from '../kit/provider.ts'
import { client, codeOf, exchanged, type Rig, reveal, rig, server, type Who } from './rig.ts'

const kept = ({ provider }: Rig): Downstream => exchanged(provider.issuer, { refresh: true })

function place(it: Rig, who?: Who): GrantPlace {
  const need = it.need(kept(it), who)
  if (need.downstream.credential.kind !== 'exchange') throw new Error('not an exchange')
  return exchangePlace(need, need.downstream.credential)
}

const stored = (it: Rig, who?: Who): StoredGrant | undefined => it.secrets.peek(place(it, who))

/** A kept grant whose access token and subject token have ended. */
async function expired(it = rig(), who: Who = {}): Promise<Rig> {
  it.hand(who)
  await it.exchange.acquire(it.need(kept(it), who))
  it.clock.advance(400)
  return it
}

const ask = async (it: Rig, exchange: Exchange = it.exchange, who?: Who) =>
  exchange.acquire(it.need(kept(it), who))
const refreshes = ({ provider }: Rig): number => provider.count('refresh_token')
const isRefresh = ({ form }: ProviderCall): boolean => form['grant_type'] === 'refresh_token'
const serverScope: Scope = { kind: 'server', tenant: 'acme', server: 'crm' }

/** Holds the answers to refreshes until they are let go. */
function holding(it: Rig) {
  const reached = Promise.withResolvers<undefined>()
  const go = Promise.withResolvers<undefined>()
  it.provider.knobs.respond = async (call) => {
    if (!isRefresh(call)) return undefined
    reached.resolve(undefined)
    return go.promise
  }
  return { reached: reached.promise, go: () => go.resolve(undefined) }
}

describe('a dead grant', { timeout: 30_000 }, () => {
  test('that one process found dead is not tried by those who waited for it', async () => {
    const it = await expired()
    it.provider.knobs.respond = async (call) => {
      await wait(150)
      return isRefresh(call) ? oauthError('invalid_grant') : undefined
    }
    const replicas = [it.replica(), it.replica(), it.replica()]
    const all = replicas.flatMap((replica) =>
      Array.from({ length: 20 }, () => codeOf(() => ask(it, replica))),
    )
    expect(new Set(await Promise.all(all))).toEqual(new Set(['reauth_required']))
    for (const replica of replicas) expect(await codeOf(() => ask(it, replica))).toBe('reauth_required')
    expect(refreshes(it)).toBe(1)
  })

  test('is the newer one where somebody wrote it between the refusal and the mark', async () => {
    const it = await expired()
    it.provider.knobs.respond = (call) => (isRefresh(call) ? oauthError('invalid_grant') : undefined)
    it.secrets.beforeWrite = async (where, { status }) => {
      const now = it.secrets.peek(where)
      if (status !== 'reauth_required' || now?.grant === undefined) return
      it.secrets.beforeWrite = undefined
      const { claim: _claim, ...grant } = now.grant
      await it.secrets.update(where, { ...grant, gen: 7, exp: epoch(it.clock.now() + 300) }, now.version)
    }
    await ask(it)
    expect(stored(it)?.grant).toMatchObject({ gen: 7, status: 'active' })
  })
})

describe('a provider that fails', { timeout: 30_000 }, () => {
  test('is left alone for a while, longer each time, for this grant alone', async () => {
    const it = await expired()
    await expired(it, { subject: 'bob' })
    it.provider.knobs.respond = (call) =>
      isRefresh(call) && call.form['refresh_token'] === stored(it)?.grant?.rt?.reveal()
        ? oauthError('invalid_client', 401)
        : undefined
    for (let turn = 0; turn < 50; turn++) expect(await codeOf(() => ask(it))).toBe('exchange_misconfigured')
    expect(refreshes(it)).toBe(2)
    await ask(it, it.exchange, { subject: 'bob' })
    expect(refreshes(it)).toBe(3)
    it.clock.advance(2)
    for (let turn = 0; turn < 50; turn++) await codeOf(() => ask(it))
    expect(refreshes(it)).toBe(4)
    it.provider.knobs.respond = undefined
    it.clock.advance(40)
    await ask(it)
    expect(stored(it)?.grant).toMatchObject({ gen: 2, status: 'active' })
  })

  test('and whose revocation endpoint does too, is asked to revoke what is given back later', async () => {
    const it = await expired()
    const { reached, go } = holding(it)
    const waiting = codeOf(() => ask(it))
    await reached
    const scope: Scope = { kind: 'user', principal: it.session().principal }
    it.gate.cut(scope)
    it.exchange.bar(scope)
    expect(await waiting).toBe('cut')
    go()
    it.provider.knobs.respond = ({ endpoint }) =>
      endpoint === 'revoke' ? new Response(null, { status: 503 }) : undefined
    await expect.poll(() => it.revokedLater.length).toBe(1)
    expect(JSON.parse(it.revokedLater[0]!)).toMatchObject({
      rt: [...it.provider.alive][0],
      at: expect.any(String),
    })
  })
})

describe('what is no cut loses no grant', { timeout: 30_000 }, () => {
  test.each(['held', 'switched_off', 'lease_lapsed'] as const)(
    '%s while it is refreshed: written, and not used',
    async (reason) => {
      const it = await expired()
      const { reached, go } = holding(it)
      const waiting = codeOf(() => ask(it))
      await reached
      const check = it.gate.check.bind(it.gate)
      it.gate.check = () => ({ reason })
      it.exchange.bar(serverScope)
      expect(await waiting).toBe(reason)
      it.gate.check = check
      it.provider.knobs.respond = undefined
      // While the first call is still under way, a second one may come: it waits.
      const after = ask(it)
      await wait(50)
      go()
      await after
      expect(refreshes(it)).toBe(1)
      expect(it.provider.revoked).toEqual([])
      expect([...it.provider.alive]).toEqual([stored(it)?.grant?.rt?.reveal()])
      expect(stored(it)?.grant).not.toHaveProperty('claim')
    },
  )
})

describe('a linked account that servers share', { timeout: 30_000 }, () => {
  const tracker = (it: Rig): Downstream => ({
    ...kept(it),
    name: 'tracker',
    credential: { kind: 'linked', issuer: it.provider.issuer, client, scope: ['orders.read'], origins: [] },
  })

  /** Linked at `crm`, and agreed to at both; its access token has ended. */
  async function linked(it: Rig, rt: string) {
    it.provider.knobs.metadata = {
      authorization_endpoint: `${it.provider.issuer}/authorize`,
      code_challenge_methods_supported: ['S256'],
    }
    const { principal } = it.session()
    const to = tracker(it)
    const where = linkedPlace({ server, downstream: to }, principal, '')
    const connection = connectionId(where)
    const common = { server: server.name, rev: 0, scopes: ['orders.read'] }
    await it.connections.put({
      ...common,
      id: connection,
      place: where,
      kind: 'linked',
      createdAt: it.clock.now(),
      status: 'active',
    })
    for (const name of ['crm', 'hr']) {
      const of = { principal, registration: 'chat', server: name, downstream: to.name }
      const consent = { ...common, ...of, id: consentId(of), client: 'chat', connection, at: it.clock.now() }
      await it.consents.put(consent)
    }
    const registration = registrationKey({ issuer: it.provider.issuer, client })
    const exp = epoch(it.clock.now() - 10)
    const grant = {
      v: 1,
      gen: 1,
      exp,
      status: 'active',
      rev: 0,
      registration,
      scopes: ['orders.read'],
    } as const
    await it.secrets.create(where, { ...grant, rt: new Secret(rt, 'refresh token') }, 0)
    return { where, needAt: (name: string) => ({ ...it.need(to), server: { ...server, name } }) }
  }

  test('is refreshed once, though each asks for itself', async () => {
    const it = await expired()
    const rt = stored(it)?.grant?.rt?.reveal() ?? ''
    const { needAt } = await linked(it, rt)
    const all = await Promise.all(['crm', 'hr'].map(async (name) => it.exchange.acquire(needAt(name))))
    expect(new Set(all.map(reveal)).size).toBe(1)
    expect(refreshes(it)).toBe(1)
  })

  test('outlives a cut of one that uses it, also in the middle of its refresh', async () => {
    const it = await expired()
    const { where, needAt } = await linked(it, stored(it)?.grant?.rt?.reveal() ?? '')
    const { reached, go } = holding(it)
    const waiting = codeOf(() => it.exchange.acquire(needAt('hr')))
    await reached
    const scope: Scope = { kind: 'server', tenant: 'acme', server: 'hr' }
    it.gate.cut(scope)
    it.exchange.bar(scope)
    go()
    expect(await waiting).toBe('cut')
    it.provider.knobs.respond = undefined
    await it.exchange.acquire(needAt('crm'))
    expect(it.provider.revoked).toEqual([])
    expect(it.secrets.peek(where)?.grant).toMatchObject({ gen: 2, status: 'active' })
  })
})

describe('an access token that does not live long', { timeout: 30_000 }, () => {
  test('is used by the others too, who come after its refresh', async () => {
    const it = rig()
    it.provider.knobs.tamper = (draft) => {
      draft.body['expires_in'] = 20
      if (draft.claims !== undefined) draft.claims['exp'] = it.clock.now() + 20
    }
    await expired(it)
    const first = await ask(it, it.replica())
    it.clock.advance(10)
    expect(reveal(await ask(it, it.replica()))).toBe(reveal(first))
    expect(refreshes(it)).toBe(1)
    it.clock.advance(9)
    await ask(it, it.replica())
    expect(refreshes(it)).toBe(2)
  })
})

describe('a store that is away after the refresh', { timeout: 30_000 }, () => {
  const failWhenRefreshed = (it: Rig) => {
    it.provider.knobs.respond = (call) => {
      if (isRefresh(call)) it.secrets.failingWrites = 'secrets_unavailable'
      return undefined
    }
  }
  const unsaved = async ({ metrics }: Rig) =>
    Number(/^sallyport_unsaved_grants (\d+)$/m.exec(await metrics.text())?.[1])

  test('gets the grant when it is back, though nobody asks again; an alarm tells of it until then', async () => {
    const it = await expired()
    failWhenRefreshed(it)
    expect(await codeOf(() => ask(it))).toBe('secrets_unavailable')
    expect(await unsaved(it)).toBe(1)
    it.secrets.failingWrites = undefined
    await expect.poll(() => stored(it)?.grant?.gen, { timeout: 3000 }).toBe(2)
    await expect.poll(() => unsaved(it)).toBe(0)
    expect([...it.provider.alive]).toEqual([stored(it)?.grant?.rt?.reveal()])
  })

  test('gets it at a stop in good order', async () => {
    const it = await expired()
    const replica = it.replica()
    failWhenRefreshed(it)
    await codeOf(() => ask(it, replica))
    it.secrets.failingWrites = undefined
    await replica.close()
    expect(stored(it)?.grant?.gen).toBe(2)
  })

  test('and a stop while it is away ends, with what waited', async () => {
    const it = await expired()
    const replica = it.replica()
    failWhenRefreshed(it)
    await codeOf(() => ask(it, replica))
    await replica.close()
    expect(stored(it)?.grant?.gen).toBe(1)
  })

  test('gets it before a successor uses the refresh token that is spent', async () => {
    const it = await expired()
    failWhenRefreshed(it)
    expect(await codeOf(() => ask(it))).toBe('secrets_unavailable')
    it.provider.knobs.respond = undefined
    it.clock.advance(100)
    it.secrets.failingWrites = undefined
    await ask(it, it.replica())
    expect(refreshes(it)).toBe(1)
    expect(stored(it)?.grant).toMatchObject({ gen: 2, status: 'active' })
  })

  test('keeps what it is given while the scope is held, and loses it to a cut', async () => {
    const it = await expired()
    failWhenRefreshed(it)
    await codeOf(() => ask(it))
    const check = it.gate.check.bind(it.gate)
    it.gate.check = () => ({ reason: 'held' })
    it.exchange.bar(serverScope)
    it.gate.check = check
    await wait(50)
    expect(it.provider.alive.size).toBe(1)
    it.gate.cut(serverScope)
    it.exchange.bar(serverScope)
    await expect.poll(() => it.provider.alive.size).toBe(0)
    it.secrets.failingWrites = undefined
    await wait(1200)
    expect(stored(it)?.grant?.gen).toBe(1)
  })

  test('is not waited for by more than a thousand: nobody else spends his refresh token', async () => {
    const it = rig()
    const people = Array.from({ length: 1005 }, (_, n) => ({ subject: `person-${n}` }))
    for (const who of people) {
      it.hand(who)
      await it.exchange.acquire(it.need(kept(it), who))
    }
    it.clock.advance(400)
    it.secrets.beforeWrite = (_place, { gen }) => {
      if (gen === 2) throw new SallyportError('secrets_unavailable')
    }
    const codes = await Promise.all(people.map((who) => codeOf(() => ask(it, it.exchange, who))))
    expect(new Set(codes)).toEqual(new Set(['secrets_unavailable']))
    expect(refreshes(it)).toBe(1000)
    expect(await unsaved(it)).toBe(1000)
    it.secrets.beforeWrite = undefined
    await expect.poll(() => unsaved(it), { timeout: 5000 }).toBe(0)
    for (const who of people) await ask(it, it.exchange, who)
    expect(refreshes(it)).toBe(1005)
  })
})
