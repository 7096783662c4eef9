import { describe, expect, it } from 'vitest'
import { type Consent, epoch, type Principal, type Scope, type SignIn } from '../../src/model/index.ts'
import type { State } from '../../src/storage/index.ts'

const alice: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' }
const bob: Principal = { ...alice, subject: 'bob' }
const elsewhere: Principal = { ...alice, issuer: 'https://other' }

const signIn = (id: string, principal: Principal, over: Partial<SignIn> = {}): SignIn => ({
  id,
  session: {
    sid: `sid-${id}`,
    principal,
    client: 'chat',
    server: 'crm',
    authTime: epoch(1),
    groups: [],
    groupsComplete: true,
    rev: 1,
  },
  registration: 'https://chat.example/client.json',
  resource: 'https://crm.example/mcp',
  scopes: [],
  gen: 1,
  rotatedAt: epoch(1),
  idleUntil: epoch(100),
  until: epoch(1000),
  checkedAt: epoch(1),
  createdAt: epoch(1),
  rev: 1,
  ...over,
})

const consent = (id: string, principal: Principal, over: Partial<Consent> = {}): Consent => ({
  id,
  principal,
  registration: 'https://chat.example/client.json',
  client: 'chat',
  server: 'crm',
  scopes: ['repo'],
  at: epoch(1),
  rev: 1,
  ...over,
})

const user = (principal: Principal): Scope => ({ kind: 'user', principal })

/** What sign-in and linked accounts need of every `State`. `open` gives a fresh, empty one. */
export function signInStateConformance(name: string, open: () => State | Promise<State>): void {
  describe(`State of sign-in: ${name}`, () => {
    it('gives a ticket once, of its kind, until it expires', async () => {
      const { tickets } = await open()
      const ticket = { kind: 'code', id: 'a', expiresAt: epoch(60), value: '{"n":1}' }
      expect(await tickets.put(ticket, epoch(0))).toBe(true)
      expect(await tickets.put({ ...ticket, value: 'other' }, epoch(59))).toBe(false)
      expect(await tickets.put({ ...ticket, kind: 'login', value: 'other' }, epoch(0))).toBe(true)
      expect(await tickets.take('code', 'b', epoch(1))).toBeUndefined()
      expect(await tickets.take('code', 'a', epoch(59))).toEqual(ticket)
      expect(await tickets.take('code', 'a', epoch(59))).toBeUndefined()
      expect(await tickets.take('login', 'a', epoch(60))).toBeUndefined()
    })

    it('gives a ticket to one of many who ask at once', async () => {
      const { tickets } = await open()
      await tickets.put({ kind: 'code', id: 'a', expiresAt: epoch(60), value: '' }, epoch(0))
      const taken = await Promise.all(Array.from({ length: 20 }, () => tickets.take('code', 'a', epoch(1))))
      expect(taken.filter((it) => it !== undefined)).toHaveLength(1)
    })

    it('takes an expired ticket for none, and forgets it when asked', async () => {
      const { tickets } = await open()
      const ticket = { kind: 'jti', id: 'a', expiresAt: epoch(60), value: '' }
      await tickets.put(ticket, epoch(0))
      expect(await tickets.put({ ...ticket, expiresAt: epoch(90) }, epoch(60))).toBe(true)
      expect(await tickets.prune(epoch(89))).toBe(0)
      expect(await tickets.prune(epoch(90))).toBe(1)
    })

    it('replaces a sign-in only from the generation that was read', async () => {
      const { signIns } = await open()
      const first = signIn('f', alice)
      await signIns.put(first)
      const next = { ...first, gen: 2, rotatedAt: epoch(9) }
      expect(await signIns.replace(1, next)).toBe(true)
      expect(await signIns.replace(1, { ...next, rotatedAt: epoch(10) })).toBe(false)
      expect(await signIns.get('acme', 'f')).toEqual(next)
      expect(await signIns.get('other', 'f')).toBeUndefined()
      expect(await signIns.replace(1, signIn('gone', alice, { gen: 2 }))).toBe(false)
      expect(await signIns.get('acme', 'gone')).toBeUndefined()
    })

    it('lists the sign-ins that have not ended, the longest unchecked first, and prunes the others', async () => {
      const { signIns } = await open()
      await signIns.put(signIn('late', alice, { checkedAt: epoch(50) }))
      await signIns.put(signIn('early', bob))
      await signIns.put(signIn('idle', bob, { idleUntil: epoch(10) }))
      const ids = async (scope?: Scope) => (await signIns.list('acme', scope, epoch(10))).map(({ id }) => id)
      expect(await ids()).toEqual(['early', 'late'])
      expect(await ids(user(alice))).toEqual(['late'])
      expect(await ids(user(elsewhere))).toEqual([])
      expect(await signIns.prune(epoch(10))).toBe(1)
      expect(await signIns.get('acme', 'idle')).toBeUndefined()
    })

    const reaching: readonly [string, Scope, readonly string[]][] = [
      ['the tenant', { kind: 'tenant', tenant: 'acme' }, ['a', 'b']],
      ['a person', user(alice), ['a']],
      ['a client', { kind: 'client', tenant: 'acme', client: 'chat' }, ['a', 'b']],
      ['a server', { kind: 'server', tenant: 'acme', server: 'hr' }, []],
      ['a session', { kind: 'session', tenant: 'acme', sid: 'sid-b' }, ['b']],
      ['a connection', { kind: 'connection', tenant: 'acme', connection: 'a' }, []],
      ['a label', { kind: 'label', tenant: 'acme', label: 'a' }, []],
    ]
    it.each(reaching)('ends the sign-ins of %s, older than the cut alone', async (_name, scope, ended) => {
      const { signIns } = await open()
      await signIns.put(signIn('a', alice))
      await signIns.put(signIn('b', bob))
      await signIns.put(signIn('newer', alice, { rev: 5 }))
      expect(await signIns.end(scope, 5)).toBe(ended.length)
      const left = (await signIns.list('acme', undefined, epoch(1))).map(({ id }) => id)
      expect(left).toEqual(['a', 'b', 'newer'].filter((id) => !ended.includes(id)))
    })

    it('keeps consents by who and what, and ends them by scope', async () => {
      const { consents } = await open()
      const account = consent('k2', alice, { downstream: 'github', connection: 'c1' })
      await consents.put(consent('k1', alice))
      await consents.put(account)
      await consents.put({ ...account, scopes: ['repo', 'gist'], rev: 2 })
      await consents.put(consent('k3', bob))
      expect((await consents.get('acme', 'k2'))?.scopes).toEqual(['repo', 'gist'])
      expect(await consents.get('other', 'k2')).toBeUndefined()
      expect((await consents.list('acme', user(alice))).map(({ id }) => id)).toEqual(['k1', 'k2'])
      expect(await consents.end({ kind: 'consent', tenant: 'acme', consent: 'k2' }, 2)).toBe(0)
      expect(await consents.end({ kind: 'connection', tenant: 'acme', connection: 'c1' }, 3)).toBe(1)
      expect(await consents.end({ kind: 'session', tenant: 'acme', sid: 'x' }, 3)).toBe(0)
      expect((await consents.list('acme', undefined)).map(({ id }) => id)).toEqual(['k1', 'k3'])
    })
  })
}
