import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { sessionId } from '../../../src/identity/session/sid.ts'
import { openSessionTable } from '../../../src/identity/session/table.ts'
import { createTokenCache } from '../../../src/identity/session/token-cache.ts'
import { type Access, epoch, type Principal, Secret, type Session } from '../../../src/model/index.ts'

const session = (sid: string, over: Partial<Session> = {}): Session => ({
  sid,
  principal: { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' },
  client: 'c',
  server: 'crm',
  authTime: epoch(1),
  groups: [],
  groupsComplete: true,
  rev: 1,
  ...over,
})

describe('the table of sessions', () => {
  it('forgets what has ended, and past its limit what was kept longest ago', () => {
    let now = 0
    const table = openSessionTable(() => epoch(now), 3)
    for (const [n, sid] of ['a', 'b', 'c'].entries()) table.keep(session(sid), epoch(n), epoch(10 + n))
    table.keep(session('d'), epoch(0), epoch(10))
    expect(['a', 'b', 'c', 'd'].map((sid) => table.get(sid) !== undefined)).toEqual([false, true, true, true])
    now = 12
    table.keep(session('e'), epoch(0), epoch(20))
    expect(['b', 'c', 'd', 'e'].map((sid) => table.get(sid) !== undefined)).toEqual([
      false,
      false,
      false,
      true,
    ])
  })

  it('keeps a session until its longest token ends', () => {
    let now = 0
    const table = openSessionTable(() => epoch(now), 3)
    table.keep(session('a'), epoch(0), epoch(100))
    table.keep(session('a'), epoch(1), epoch(50))
    table.keep(session('b'), epoch(1), epoch(55))
    table.keep(session('c'), epoch(1), epoch(100))
    now = 60
    table.keep(session('d'), epoch(0), epoch(70))
    expect(['a', 'b', 'c', 'd'].map((sid) => table.get(sid) !== undefined)).toEqual([true, false, true, true])
  })
})

describe('the cache of verified tokens', () => {
  it('is bounded, keeps what is used, and forgets on demand', () => {
    const cache = createTokenCache(4)
    const access = {} as Access
    for (let n = 0; n < 1_000; n++) {
      cache.set(`token-${n}`, access)
      cache.get('token-0')
    }
    expect(cache.get('token-0')).toBe(access)
    const held = Array.from({ length: 1_000 }, (_, n) => cache.get(`token-${n}`)).filter(Boolean)
    expect(held.length).toBeLessThanOrEqual(12)
    cache.clear()
    expect(cache.get('token-0')).toBeUndefined()
  })
})

describe('sid', () => {
  const key = new Secret(new Uint8Array(32), 'sid key')
  const part = fc.string({ minLength: 0, maxLength: 6 })
  const name = fc.record({
    principal: fc.record({
      kind: fc.constantFrom<Principal['kind']>('user', 'workload'),
      tenant: part,
      issuer: part,
      subject: part,
    }),
    client: part,
    server: part,
    idpSid: fc.option(part, { nil: undefined }),
  })

  it('is one for one name', () => {
    fc.assert(
      fc.property(name, (one) => {
        expect(sessionId(structuredClone(one), key)).toBe(sessionId(one, key))
        expect(sessionId(one, key)).toMatch(/^[a-z2-7]{32}$/)
      }),
    )
  })

  it('differs where any part of the name does, or where text moves from one part to the next', () => {
    fc.assert(
      fc.property(name, (one) => {
        const { principal } = one
        const kind = principal.kind === 'user' ? 'workload' : 'user'
        const others: readonly (typeof one)[] = [
          { ...one, principal: { ...principal, kind } },
          { ...one, principal: { ...principal, tenant: `${principal.tenant}x` } },
          { ...one, principal: { ...principal, issuer: `${principal.issuer}x` } },
          { ...one, principal: { ...principal, subject: `${principal.subject}x` } },
          {
            ...one,
            principal: { ...principal, issuer: `${principal.issuer}y${principal.subject}`, subject: '' },
          },
          { ...one, client: `${one.client}x` },
          { ...one, client: `${one.client}y${one.server}`, server: '' },
          { ...one, server: `${one.server}x` },
          { ...one, idpSid: one.idpSid === undefined ? '' : undefined },
          { ...one, idpSid: `${one.idpSid ?? ''}x` },
        ]
        expect(new Set([one, ...others].map((each) => sessionId(each, key))).size).toBe(11)
      }),
    )
  })
})
