import { describe, expect, test } from 'vitest'
import { reaches } from '../../src/exchange/owner.ts'
import { type Scope, Secret, scopeKey, type Work, workKeys } from '../../src/model/index.ts'
import fc from 'fast-check'
import { codeOf, exchanged, perUser, reveal, rig, systemOwned, tenant } from './rig.ts'

describe('bar', () => {
  test('refuses a flight that began before the cut, and caches nothing of it', async () => {
    const it = rig()
    it.hand()
    const arrived = Promise.withResolvers<undefined>()
    const go = Promise.withResolvers<undefined>()
    it.provider.knobs.respond = () => {
      arrived.resolve(undefined)
      return go.promise
    }
    const wanted = it.need(exchanged(it.provider.issuer))
    const waiting = codeOf(() => it.exchange.acquire(wanted))
    await arrived.promise
    const scope: Scope = { kind: 'session', tenant, sid: wanted.access.session.sid }
    it.gate.cut(scope)
    it.exchange.bar(scope)
    expect(await waiting).toBe('cut')
    it.provider.knobs.respond = undefined
    go.resolve(undefined)
    await new Promise((done) => setTimeout(done, 20))
    it.hand()
    const { length } = it.provider.calls
    await it.exchange.acquire(it.need(exchanged(it.provider.issuer)))
    expect(it.provider.calls.length).toBe(length + 1)
  })

  test('is not needed for a cut to stop a flight: the gate is asked after every wait', async () => {
    const it = rig()
    it.hand()
    const wanted = it.need(exchanged(it.provider.issuer))
    it.provider.knobs.respond = () => {
      it.gate.cut({ kind: 'client', tenant, client: 'chat' })
      return undefined
    }
    expect(await codeOf(() => it.exchange.acquire(wanted))).toBe('cut')
  })

  test('of one person refuses that person alone among those who wait for one system token', async () => {
    const it = rig()
    const to = systemOwned(it.provider.issuer)
    const alice = it.need(to, { subject: 'alice' })
    const bob = it.need(to, { subject: 'bob' })
    it.provider.knobs.respond = () => {
      const scope = { kind: 'user', principal: alice.access.session.principal } as const
      it.gate.cut(scope)
      it.exchange.bar(scope)
      return undefined
    }
    const outcomes = await Promise.all([alice, bob].map((need) => codeOf(() => it.exchange.acquire(need))))
    expect(outcomes).toEqual(['cut', 'nothing was thrown'])
    expect(it.provider.calls).toHaveLength(1)
  })

  test('forgets the subject token: a call after the cut cannot exchange it', async () => {
    const it = rig()
    it.hand()
    const scope = { kind: 'user', principal: it.session().principal } as const
    it.gate.cut(scope)
    expect(it.exchange.bar(scope)).toBe(1)
    expect(await codeOf(() => it.exchange.acquire(it.need(exchanged(it.provider.issuer))))).toBe(
      'subject_expired',
    )
  })

  test('leaves out a subject token that was verified before the cut and is handed over after it', async () => {
    const it = rig()
    const session = it.session()
    it.gate.cut({ kind: 'user', principal: session.principal })
    const token = new Secret(it.provider.subject(), 'subject token')
    it.exchange.hand(session, token, it.need(perUser).access.expiresAt)
    expect(await codeOf(() => it.exchange.acquire(it.need(exchanged(it.provider.issuer))))).toBe(
      'subject_expired',
    )
  })

  test.each<[string, (sid: string) => Scope, boolean]>([
    ['its session', (sid) => ({ kind: 'session', tenant, sid }), true],
    ['its client', () => ({ kind: 'client', tenant, client: 'chat' }), true],
    ['its downstream', () => ({ kind: 'downstream', tenant, downstream: 'orders' }), true],
    ['its server', () => ({ kind: 'server', tenant, server: 'crm' }), true],
    ['its tenant', () => ({ kind: 'tenant', tenant }), true],
    ['another session', () => ({ kind: 'session', tenant, sid: 'other' }), false],
    ['another client', () => ({ kind: 'client', tenant, client: 'ide' }), false],
    ['another downstream', () => ({ kind: 'downstream', tenant, downstream: 'billing' }), false],
    ['another tenant', () => ({ kind: 'tenant', tenant: 'other' }), false],
  ])('of %s drops a cached credential: %#', async (_what, scope, drops) => {
    const it = rig()
    it.hand()
    const wanted = it.need(exchanged(it.provider.issuer))
    const before = await it.exchange.acquire(wanted)
    it.exchange.bar(scope(wanted.access.session.sid))
    it.hand()
    const after = await it.exchange.acquire(wanted)
    expect(reveal(after) !== reveal(before)).toBe(drops)
  })

  test("forgets a person's data keys, and everybody's with the tenant, but not with a server", () => {
    const it = rig()
    it.exchange.bar({ kind: 'user', principal: it.session().principal })
    it.exchange.bar({ kind: 'tenant', tenant })
    it.exchange.bar({ kind: 'server', tenant, server: 'crm' })
    expect(it.secrets.forgotten).toEqual(['alice', undefined])
  })
})

describe('reaches', () => {
  const name = fc.constantFrom('a', 'b', '')
  const principal = fc.record({
    kind: fc.constantFrom('user' as const, 'workload' as const),
    tenant: name,
    issuer: name,
    subject: name,
  })
  const work: fc.Arbitrary<Work> = fc.record(
    { principal, client: name, server: name, sid: name, downstream: name, connection: name, tool: name },
    { requiredKeys: ['principal', 'client', 'server', 'sid'] },
  )
  const scope: fc.Arbitrary<Scope> = fc.oneof(
    fc.record({ kind: fc.constant('tenant' as const), tenant: name }),
    fc.record({ kind: fc.constant('user' as const), principal }),
    fc.record({ kind: fc.constant('client' as const), tenant: name, client: name }),
    fc.record({ kind: fc.constant('session' as const), tenant: name, sid: name }),
    fc.record({ kind: fc.constant('connection' as const), tenant: name, connection: name }),
    fc.record({ kind: fc.constant('downstream' as const), tenant: name, downstream: name }),
    fc.record({ kind: fc.constant('server' as const), tenant: name, server: name }),
    fc.record({ kind: fc.constant('tool' as const), tenant: name, server: name, tool: name }),
  )

  test('says what looking for the key of the scope among the keys of the work says', () => {
    fc.assert(
      fc.property(scope, work, (cut, of) => {
        expect(reaches(cut, of)).toBe(workKeys(of).includes(scopeKey(cut)))
      }),
      { numRuns: 2000 },
    )
  })
})
