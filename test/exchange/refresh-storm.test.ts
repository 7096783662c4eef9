import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Exchange } from '../../src/exchange/index.ts'
import { exchangePlace } from '../../src/exchange/place.ts'
import { epoch, type Downstream, type GrantPlace, type StoredGrant } from '../../src/model/index.ts'
import { oauthError } from '../kit/provider.ts'
import { codeOf, exchanged, type Rig, reveal, rig } from './rig.ts'

const kept = ({ provider }: Rig): Downstream => exchanged(provider.issuer, { refresh: true })

function place(it: Rig): GrantPlace {
  const need = it.need(kept(it))
  if (need.downstream.credential.kind !== 'exchange') throw new Error('not an exchange')
  return exchangePlace(need, need.downstream.credential)
}

const stored = (it: Rig): StoredGrant | undefined => it.secrets.peek(place(it))

/** A kept grant whose access token and subject token have ended, at a server that kills the family on reuse. */
async function expired(): Promise<Rig> {
  const it = rig()
  it.hand()
  await it.exchange.acquire(it.need(kept(it)))
  it.clock.advance(400)
  return it
}

const storm = (exchanges: readonly Exchange[], it: Rig, each: number) =>
  Promise.all(
    exchanges.flatMap((exchange) =>
      Array.from({ length: each }, async () => exchange.acquire(it.need(kept(it)))),
    ),
  )

describe('a refresh storm', { timeout: 30_000 }, () => {
  test('in one process: 200 callers, one refresh, no error', async () => {
    const it = await expired()
    const all = await storm([it.replica()], it, 200)
    expect(new Set(all.map(reveal)).size).toBe(1)
    expect(it.provider.count('refresh_token')).toBe(1)
  })

  test('of three processes on one store: 600 callers, one refresh, one live refresh token, no error', async () => {
    const it = await expired()
    const all = await storm([it.replica(), it.replica(), it.replica()], it, 200)
    expect(new Set(all.map(reveal)).size).toBe(1)
    expect(it.provider.count('refresh_token')).toBe(1)
    expect([...it.provider.alive]).toEqual([stored(it)?.grant?.rt?.reveal()])
  })

  test('of three processes with a broad refresh narrows once', async () => {
    const it = await expired()
    it.provider.knobs.broadRefresh = ['account']
    const all = await storm([it.replica(), it.replica(), it.replica()], it, 50)
    expect(new Set(all.map(reveal)).size).toBe(1)
    expect(it.provider.count('refresh_token')).toBe(1)
    expect(it.provider.calls).toHaveLength(3)
  })

  test('waits for the holder of a claim, though its clock is 30 s behind', async () => {
    const it = await expired()
    const before = stored(it)
    if (before?.grant === undefined) throw new Error('no grant')
    const claim = { owner: 'other', until: epoch(it.clock.now() - 20) }
    await it.secrets.update(place(it), { ...before.grant, claim }, before.version)
    const waiting = it.replica().acquire(it.need(kept(it)))
    await wait(120)
    expect(it.provider.count('refresh_token')).toBe(0)
    const fresh = { ...before.grant, gen: 2, exp: epoch(it.clock.now() + 300) }
    await it.secrets.update(place(it), fresh, before.version + 1)
    expect(reveal(await waiting)).toBe(before.grant.at?.reveal())
    expect(it.provider.count('refresh_token')).toBe(0)
  })

  test('takes over a claim whose holder is gone', async () => {
    const it = await expired()
    const before = stored(it)
    if (before?.grant === undefined) throw new Error('no grant')
    const claim = { owner: 'dead', until: epoch(it.clock.now() + 20) }
    await it.secrets.update(place(it), { ...before.grant, claim }, before.version)
    const waiting = it.replica().acquire(it.need(kept(it)))
    await wait(100)
    it.clock.advance(60)
    await waiting
    expect(it.provider.count('refresh_token')).toBe(1)
    expect(stored(it)?.grant?.gen).toBe(2)
  })
})

describe('a lost answer', () => {
  test('is asked for once more at a server with leeway, and nobody notices', async () => {
    const it = await expired()
    it.provider.knobs.leeway = 1
    it.provider.knobs.lose = 1
    await it.exchange.acquire(it.need(kept(it)))
    expect(it.provider.count('refresh_token')).toBe(2)
    expect(it.provider.alive.has(stored(it)?.grant?.rt?.reveal() ?? '')).toBe(true)
  })

  test('at a strict server ends the grant, cleanly: reauth_required, once', async () => {
    const it = await expired()
    it.provider.knobs.lose = 1
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('reauth_required')
    expect(stored(it)?.grant).toMatchObject({ gen: 1, status: 'reauth_required' })
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('reauth_required')
    expect(it.provider.count('refresh_token')).toBe(2)
  })

  test('keeps the grant while the server is down', async () => {
    const it = await expired()
    it.provider.knobs.respond = () => new Response(null, { status: 503 })
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('exchange_unavailable')
    expect(stored(it)?.grant).toMatchObject({ gen: 1, status: 'active' })
    expect(stored(it)?.grant).not.toHaveProperty('claim')
    it.provider.knobs.respond = undefined
    await it.exchange.acquire(it.need(kept(it)))
    expect(stored(it)?.grant?.gen).toBe(2)
  })
})

describe('invalid_grant', () => {
  test('is no end where somebody else has a newer generation: that one is used', async () => {
    const it = await expired()
    it.provider.knobs.respond = async () => {
      it.provider.knobs.respond = undefined
      const now = stored(it)
      if (now?.grant === undefined) throw new Error('no grant')
      const { claim: _claim, ...grant } = now.grant
      await it.secrets.update(place(it), { ...grant, gen: 7, exp: epoch(it.clock.now() + 300) }, now.version)
      return oauthError('invalid_grant')
    }
    await it.exchange.acquire(it.need(kept(it)))
    expect(stored(it)?.grant).toMatchObject({ gen: 7, status: 'active' })
  })
})

describe('no resurrection', () => {
  const user = (it: Rig) => ({ kind: 'user', principal: it.session().principal }) as const

  test('a cut while the refresh is under way: refused at once, nothing kept, the fresh token given back', async () => {
    const it = await expired()
    const reached = Promise.withResolvers<undefined>()
    const answer = Promise.withResolvers<undefined>()
    it.provider.knobs.respond = ({ form }) => {
      if (form['grant_type'] !== 'refresh_token') return undefined
      reached.resolve(undefined)
      return answer.promise
    }
    const waiting = codeOf(() => it.exchange.acquire(it.need(kept(it))))
    await reached.promise
    it.gate.cut(user(it))
    expect(it.exchange.bar(user(it))).toBeGreaterThan(0)
    expect(await waiting).toBe('cut')
    await it.secrets.destroy(place(it), { at: it.clock.now(), rev: 1, cause: 'test' })
    answer.resolve(undefined)
    await expect.poll(() => it.provider.revoked.length).toBe(1)
    expect(it.provider.alive.size).toBe(0)
    expect(stored(it)?.tomb).toBeDefined()
  })

  test('a tombstone between the refresh and its write wins, and the fresh token is given back', async () => {
    const it = await expired()
    it.secrets.beforeWrite = async (where, { gen }) => {
      if (gen === 2) await it.secrets.destroy(where, { at: it.clock.now(), rev: 0, cause: 'test' })
    }
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('secrets_destroyed')
    await expect.poll(() => it.provider.alive.size).toBe(0)
    expect(stored(it)?.tomb).toBeDefined()
  })

  test('a cut between the exchange and its write: what was kept is destroyed and given back', async () => {
    const it = rig()
    it.hand()
    it.secrets.beforeWrite = () => {
      it.gate.cut(user(it))
      it.exchange.bar(user(it))
    }
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('cut')
    await expect.poll(() => it.provider.alive.size).toBe(0)
    expect(stored(it)?.tomb).toBeDefined()
    expect([...it.connections.rows.values()].map(({ status }) => status)).toEqual(['destroyed'])
  })

  test('a cut while an unwritten grant waits in memory gives it back', async () => {
    const it = await expired()
    it.provider.knobs.respond = ({ form }) => {
      if (form['grant_type'] === 'refresh_token') it.secrets.failingWrites = 'secrets_unavailable'
      return undefined
    }
    await codeOf(() => it.exchange.acquire(it.need(kept(it))))
    it.gate.cut(user(it))
    it.exchange.bar(user(it))
    await expect.poll(() => it.provider.alive.size).toBe(0)
  })
})
