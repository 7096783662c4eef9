import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  epoch,
  type LogBody,
  type LogEntry,
  type Principal,
  type Scope,
  scopeKey,
  seconds,
  type Work,
  workKeys,
} from '../../src/model/index.ts'
import { createLogView } from '../../src/revocation/index.ts'

const alice: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' }
const work: Work = { principal: alice, client: 'chat', server: 'crm', sid: 's1', downstream: 'orders' }

const view = (skew = 0) => createLogView({ tenant: 'acme', skew: seconds(skew) })
const entry = (seq: number, body: LogBody, at = 1000): LogEntry => ({
  seq,
  epoch: 'e',
  id: `id-${seq}`,
  at: epoch(at),
  by: 'x',
  body,
  hash: '',
})
const cut = (scope: Scope, hold = false): LogBody => ({ kind: 'cut', scope, hold, cause: 'test' })
const user: Scope = { kind: 'user', principal: alice }

describe('the view of the log', () => {
  it('covers what was made before a cut and not what was made after it (line 15)', () => {
    const it = view()
    it.apply(entry(1, cut(user)))
    expect(it.covers(work, 0)?.reason).toBe('cut')
    expect(it.covers(work, 1)).toBeUndefined()
  })

  it('keeps a principal apart from one of another kind, issuer or tenant with the same subject', () => {
    const it = view()
    it.apply(entry(1, cut(user)))
    for (const other of [{ kind: 'workload' as const }, { issuer: 'https://other' }, { tenant: 'other' }]) {
      expect(it.covers({ ...work, principal: { ...alice, ...other } }, 0)).toBeUndefined()
    }
  })

  it('holds what is new as well until the release of that very scope, and a release never revives what was cut', () => {
    const it = view()
    it.apply(entry(1, cut(user, true)))
    expect(it.covers(work, 5)?.reason).toBe('held')
    it.apply(entry(2, { kind: 'release', scope: { kind: 'tenant', tenant: 'acme' }, cause: 'no' }))
    expect(it.covers(work, 5)?.reason).toBe('held')
    it.apply(entry(3, { kind: 'release', scope: user, cause: 'back' }))
    expect(it.covers(work, 5)).toBeUndefined()
    expect(it.covers(work, 0)?.reason).toBe('cut')
  })

  it('takes an entry of an unknown kind as a cut of the whole tenant (line 1)', () => {
    const it = view()
    it.apply(entry(1, { kind: 'from-the-future' } as unknown as LogBody))
    expect(it.covers(work, 0)?.reason).toBe('cut')
  })

  it('refuses a sign-in that is not newer than the cut by more than the skew', () => {
    const it = view(5)
    it.apply(entry(1, cut(user), 1000))
    expect(it.coversSignIn(work, epoch(1005))?.reason).toBe('cut')
    expect(it.coversSignIn(work, epoch(1006))).toBeUndefined()
  })

  it('bars what is switched off and lets it on again', () => {
    const it = view()
    const scope: Scope = { kind: 'downstream', tenant: 'acme', downstream: 'orders' }
    it.apply(entry(1, { kind: 'switch', scope, on: false, cause: 'x' }))
    expect(it.covers(work, 9)?.reason).toBe('switched_off')
    expect(it.covers({ ...work, downstream: 'billing' }, 9)).toBeUndefined()
    it.apply(entry(2, { kind: 'switch', scope, on: true, cause: 'x' }))
    expect(it.covers(work, 9)).toBeUndefined()
  })

  it('refuses a gap in the log', () => {
    expect(() => view().apply(entry(2, cut(user)))).toThrow()
  })

  it('agrees with a plain reading of the whole log, whatever is in it', () => {
    const subject = fc.constantFrom('alice', 'bob')
    const scope: fc.Arbitrary<Scope> = fc.oneof(
      subject.map((id): Scope => ({ kind: 'user', principal: { ...alice, subject: id } })),
      fc.constantFrom('s1', 's2').map((sid): Scope => ({ kind: 'session', tenant: 'acme', sid })),
      fc.constantFrom('crm', 'hr').map((server): Scope => ({ kind: 'server', tenant: 'acme', server })),
      fc
        .constantFrom('orders', 'billing')
        .map((downstream): Scope => ({ kind: 'downstream', tenant: 'acme', downstream })),
      fc.constant<Scope>({ kind: 'tenant', tenant: 'acme' }),
    )
    const body: fc.Arbitrary<LogBody> = fc.oneof(
      fc.tuple(scope, fc.boolean()).map(([it, hold]) => cut(it, hold)),
      scope.map((it): LogBody => ({ kind: 'hold', scope: it, cause: '' })),
      scope.map((it): LogBody => ({ kind: 'release', scope: it, cause: '' })),
      fc
        .tuple(scope, fc.boolean())
        .map(([it, on]): LogBody => ({ kind: 'switch', scope: it, on, cause: '' })),
      fc.constant<LogBody>({ kind: 'policy', tenant: 'acme', version: '', digest: '' }),
    )
    const works = fc.record({
      subject,
      sid: fc.constantFrom('s1', 's2'),
      server: fc.constantFrom('crm', 'hr'),
      downstream: fc.constantFrom('orders', 'billing'),
    })
    fc.assert(
      fc.property(fc.array(body, { maxLength: 12 }), works, fc.nat(12), (bodies, names, rev) => {
        const it = view()
        bodies.forEach((each, index) => it.apply(entry(index + 1, each)))
        const asked: Work = { ...work, ...names, principal: { ...alice, subject: names.subject } }
        expect(it.covers(asked, rev) !== undefined).toBe(plainReading(bodies, asked, rev))
      }),
      { numRuns: 500 },
    )
  })
})

/** Covered by a cut after `rev`, by a hold not released since, or by the last switch of a scope being off. */
function plainReading(bodies: readonly LogBody[], asked: Work, rev: number): boolean {
  const keys = workKeys(asked)
  const mine = bodies
    .map((body, index) => ({ body, seq: index + 1 }))
    .filter(({ body }) => 'scope' in body && keys.includes(scopeKey(body.scope)))
  const cutAfter = mine.some(({ body, seq }) => body.kind === 'cut' && seq > rev)
  const byScope = new Map<string, { held: boolean; off: boolean }>()
  for (const { body } of mine) {
    if (!('scope' in body)) continue
    const now = byScope.get(scopeKey(body.scope)) ?? { held: false, off: false }
    if (body.kind === 'hold' || (body.kind === 'cut' && body.hold)) now.held = true
    if (body.kind === 'release') now.held = false
    if (body.kind === 'switch') now.off = !body.on
    byScope.set(scopeKey(body.scope), now)
  }
  return cutAfter || [...byScope.values()].some(({ held, off }) => held || off)
}
