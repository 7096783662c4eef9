import { describe, expect, test } from 'vitest'
import { type Principal, Secret } from '../../src/model/index.ts'
import { codeOf, exchanged, forAll, perUser, type Rig, reveal, rig, server, tenant } from './rig.ts'

const value = (text: string): Secret => new Secret(text, 'linked account')
const alice = (it: Rig): Principal => it.session().principal

const connect = (it: Rig, text = 'alices-key', principal = alice(it)) =>
  it.exchange.connect({
    server,
    downstream: perUser,
    principal,
    value: value(text),
    rev: it.gate.applied,
    operator: true,
  })

describe('connect refuses', () => {
  test.each(['exchange', 'for all'] as const)('a downstream whose credential is %s', async (kind) => {
    const it = rig()
    const downstream = kind === 'exchange' ? exchanged(it.provider.issuer) : forAll()
    const input = { server, downstream, principal: alice(it), value: value('x'), rev: 0, operator: true }
    expect(await codeOf(() => it.exchange.connect(input))).toBe('exchange_unsupported_principal')
  })

  test('a workload', async () => {
    const it = rig()
    const workload = { ...alice(it), kind: 'workload' } as const
    expect(await codeOf(() => connect(it, 'x', workload))).toBe('exchange_unsupported_principal')
  })

  test('somebody who was cut after it was asked for, and stores nothing', async () => {
    const it = rig()
    const input = {
      server,
      downstream: perUser,
      principal: alice(it),
      value: value('x'),
      rev: 0,
      operator: true,
    }
    it.gate.cut({ kind: 'user', principal: alice(it) })
    expect(await codeOf(() => it.exchange.connect(input))).toBe('cut')
    expect(it.secrets.all()).toEqual([])
  })

  test('to leave anything behind if the cut comes while it is stored', async () => {
    const it = rig()
    it.secrets.beforeWrite = () => void it.gate.cut({ kind: 'user', principal: alice(it) })
    expect(await codeOf(() => connect(it))).toBe('cut')
    expect(it.secrets.all()[0]?.tomb).toBeDefined()
    expect([...it.connections.rows.values()].map(({ status }) => status)).toEqual(['destroyed'])
  })

  test('to write over a grant that was cut and is not destroyed yet', async () => {
    const it = rig()
    await connect(it)
    it.gate.cut({ kind: 'user', principal: alice(it) })
    expect(await codeOf(() => connect(it, 'new'))).toBe('secrets_conflict')
  })
})

describe('a connected secret', () => {
  test('is asked for where there is none: connect_required', async () => {
    const it = rig()
    expect(await codeOf(() => it.exchange.acquire(it.need(perUser)))).toBe('connect_required')
  })

  test('is injected as configured, from memory after the first time, and is recorded without its value', async () => {
    const it = rig()
    const row = await connect(it)
    const credential = await it.exchange.acquire(it.need(perUser))
    expect(reveal(credential)).toBe('alices-key')
    expect(credential).toMatchObject({ placement: { kind: 'header', name: 'X-Token' }, connection: row.id })
    const { reads } = it.secrets
    expect(it.exchange.acquire(it.need(perUser))).toBe(credential)
    expect(it.secrets.reads).toBe(reads)
    expect(it.events.map(({ kind }) => kind)).toEqual(['connect', 'exchange'])
    expect(JSON.stringify([it.events, row])).not.toContain('alices-key')
  })

  test("is one person's: another gets connect_required", async () => {
    const it = rig()
    await connect(it)
    expect(await codeOf(() => it.exchange.acquire(it.need(perUser, { subject: 'bob' })))).toBe(
      'connect_required',
    )
    const twin = { issuer: 'https://other.example' }
    expect(await codeOf(() => it.exchange.acquire(it.need(perUser, { principal: twin })))).toBe(
      'connect_required',
    )
  })

  test('serves all sessions of the person, and survives the cut of one of his clients', async () => {
    const it = rig()
    await connect(it)
    await it.exchange.acquire(it.need(perUser))
    const cut = { kind: 'client', tenant, client: 'chat' } as const
    it.gate.cut(cut)
    it.exchange.bar(cut)
    const credential = await it.exchange.acquire(it.need(perUser, { client: 'ide' }))
    expect(credential.rev).toBe(1)
    expect(it.gate.check({ ...it.session(), server: 'crm', client: 'chat' }, credential.rev)).toBeUndefined()
  })

  test('is replaced at once by a newer one', async () => {
    const it = rig()
    await connect(it)
    await it.exchange.acquire(it.need(perUser))
    await connect(it, 'newer')
    expect(reveal(await it.exchange.acquire(it.need(perUser)))).toBe('newer')
    expect(it.connections.rows.size).toBe(1)
  })

  test('survives a restart and is served while the store is down, for a quarter of an hour', async () => {
    const it = rig()
    await connect(it)
    const restarted = it.replica()
    expect(reveal(await restarted.acquire(it.need(perUser)))).toBe('alices-key')
    it.secrets.failing = 'secrets_sealed'
    it.clock.advance(899)
    expect(reveal(await restarted.acquire(it.need(perUser)))).toBe('alices-key')
    it.clock.advance(1)
    expect(await codeOf(() => restarted.acquire(it.need(perUser)))).toBe('secrets_sealed')
  })

  test('that was cut but not destroyed before a crash is not served after it', async () => {
    const it = rig()
    await connect(it)
    it.gate.cut({ kind: 'user', principal: alice(it) })
    expect(await codeOf(() => it.replica().acquire(it.need(perUser)))).toBe('connect_required')
  })

  test('that was destroyed has to be connected again, and can be', async () => {
    const it = rig()
    const row = await connect(it)
    await it.secrets.destroy(row.place, { at: it.clock.now(), rev: it.gate.advance(), cause: 'test' })
    it.exchange.bar({ kind: 'connection', tenant, connection: row.id })
    expect(await codeOf(() => it.exchange.acquire(it.need(perUser)))).toBe('connect_required')
    await connect(it, 'again')
    expect(reveal(await it.exchange.acquire(it.need(perUser)))).toBe('again')
  })

  test('is told the provider nothing about', async () => {
    const it = rig()
    const row = await connect(it)
    it.need(perUser)
    expect((await it.exchange.revokeAtProvider(row.place, value('x'))).outcome).toBe('unsupported')
    expect(it.provider.calls).toEqual([])
  })
})
