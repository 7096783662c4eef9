import { describe, expect, test } from 'vitest'
import { SallyportError, Secret } from '../../src/model/index.ts'
import { codeOf, exchanged, perUser, type Rig, reveal, rig, server, tenant } from './rig.ts'

const connect = (it: Rig, text = 'alices-key') =>
  it.exchange.connect({
    server,
    downstream: perUser,
    principal: it.session().principal,
    value: new Secret(text, 'linked account'),
    rev: it.gate.applied,
    operator: true,
  })

const statuses = (it: Rig) => [...it.connections.rows.values()].map(({ status }) => status)
const connects = (it: Rig) => it.events.filter(({ kind }) => kind === 'connect').length

/** What a process leaves that is killed before it could say that the connection is there. */
async function killed(it: Rig, at: 'before the grant' | 'after the grant'): Promise<void> {
  const row = await connect(it)
  it.connections.rows.set(row.id, { ...row, status: 'pending' })
  it.events.length = 0
  if (at === 'before the grant')
    await it.secrets.destroy(row.place, { at: it.clock.now(), rev: 0, cause: 'none' })
}

describe('a connection that was being made', () => {
  test('when its process was killed before the grant was written, is gone at the next start', async () => {
    const it = rig()
    await killed(it, 'before the grant')
    await it.replica().settlePending(tenant)
    expect(statuses(it)).toEqual(['destroyed'])
    expect(connects(it)).toBe(0)
    await connect(it, 'again')
    expect(reveal(await it.exchange.acquire(it.need(perUser)))).toBe('again')
    expect(statuses(it)).toEqual(['active'])
  })

  test('when its process was killed after the grant was written, is recorded and active at the next start', async () => {
    const it = rig()
    await killed(it, 'after the grant')
    await it.replica().settlePending(tenant)
    expect(statuses(it)).toEqual(['active'])
    expect(connects(it)).toBe(1)
  })

  test('while the store does not answer, waits as pending until it does', async () => {
    const it = rig()
    await killed(it, 'after the grant')
    it.secrets.failing = 'secrets_sealed'
    await it.exchange.settlePending(tenant)
    expect(statuses(it)).toEqual(['pending'])
    it.secrets.failing = undefined
    await it.exchange.settlePending(tenant)
    expect(statuses(it)).toEqual(['active'])
  })

  test('and could not be written, leaves nothing that counts as a connection', async () => {
    const it = rig()
    it.secrets.failingWrites = 'secrets_unavailable'
    expect(await codeOf(() => connect(it))).toBe('secrets_unavailable')
    await expect.poll(() => statuses(it)).toEqual(['destroyed'])
    expect(connects(it)).toBe(0)
  })

  test('and was written although the store said otherwise, is found again and not lost to a revocation', async () => {
    const it = rig()
    const { create } = it.secrets
    it.secrets.create = async (...asked) => {
      await create(...asked)
      throw new SallyportError('secrets_unavailable')
    }
    expect(await codeOf(() => connect(it))).toBe('secrets_unavailable')
    await expect.poll(() => statuses(it)).toEqual(['active'])
  })

  test('and could not be recorded, is undone', async () => {
    const it = rig()
    const { push } = it.events
    it.events.push = () => {
      throw new SallyportError('record_unavailable')
    }
    expect(await codeOf(() => connect(it))).toBe('record_unavailable')
    await expect.poll(() => statuses(it)).toEqual(['destroyed'])
    it.events.push = push
    expect(await codeOf(() => it.exchange.acquire(it.need(perUser)))).toBe('connect_required')
  })

  test('by an exchange whose grant could not be kept, does not stay either', async () => {
    const it = rig()
    it.hand()
    it.secrets.failingWrites = 'secrets_unavailable'
    await it.exchange.acquire(it.need(exchanged(it.provider.issuer, { refresh: true })))
    expect(statuses(it)).toEqual(['pending'])
    await it.exchange.settlePending(tenant)
    expect(statuses(it)).toEqual(['destroyed'])
  })
})
