import { describe, expect, it } from 'vitest'
import { type Connection, epoch, type Principal, type Scope, type Session } from '../../src/model/index.ts'
import type { State } from '../../src/storage/index.ts'

const alice: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' }
const bob: Principal = { ...alice, subject: 'bob' }
const aliceWorkload: Principal = { ...alice, kind: 'workload' }
const aliceElsewhere: Principal = { ...alice, issuer: 'https://other' }

const session = (sid: string, principal: Principal, over: Partial<Session> = {}): Session => ({
  sid,
  principal,
  client: 'chat',
  server: 'crm',
  authTime: epoch(1),
  groups: [],
  groupsComplete: true,
  rev: 1,
  ...over,
})

const connection = (id: string, principal: Principal, over: Partial<Connection> = {}): Connection => ({
  id,
  place: { tenant: 'acme', group: 'crm', principal, downstream: 'orders', audience: 'orders' },
  kind: 'exchange',
  server: 'crm',
  client: 'chat',
  sid: `sid-${id}`,
  createdAt: epoch(1),
  rev: 1,
  status: 'active',
  ...over,
})

/** What every `State` must do; run by each driver. `open` gives a fresh, empty one. */
export function stateConformance(name: string, open: () => State | Promise<State>): void {
  describe(`State: ${name}`, () => {
    it('appends entries in order, chained by hash, and gives the existing entry for an id said twice', async () => {
      const { log } = await open()
      const body = {
        kind: 'cut',
        scope: { kind: 'tenant', tenant: 'acme' },
        hold: false,
        cause: 'test',
      } as const
      const first = await log.append({ id: 'first-id', at: epoch(10), by: 'admin', body })
      const again = await log.append({
        id: 'first-id',
        at: epoch(99),
        by: 'other',
        body: { ...body, hold: true },
      })
      const second = await log.append({ id: 'second-id', at: epoch(11), by: 'admin', body })
      expect(again).toEqual(first)
      expect([first.seq, second.seq]).toEqual([1, 2])
      expect(second.epoch).toBe(first.epoch)
      expect(second.hash).not.toBe(first.hash)
      expect(await log.head()).toEqual({ seq: 2, epoch: first.epoch, hash: second.hash })
      expect(await log.after(1, 10)).toEqual([second])
      expect(await log.byId('second-id')).toEqual(second)
    })

    it('goes on under a new epoch without losing its place', async () => {
      const { log } = await open()
      const body = { kind: 'policy', tenant: 'acme', version: 'v', digest: 'd' } as const
      await log.append({ id: 'before-it', at: epoch(1), by: 'x', body })
      await log.openEpoch('second-epoch')
      const entry = await log.append({ id: 'after-it1', at: epoch(2), by: 'x', body })
      expect(entry).toMatchObject({ seq: 2, epoch: 'second-epoch' })
    })

    it('ends exactly the sessions that a scope reaches: kind and issuer are part of a user', async () => {
      const { sessions } = await open()
      const far = epoch(10_000)
      await sessions.put(session('a1', alice), far)
      await sessions.put(session('a2', alice, { client: 'ide' }), far)
      await sessions.put(session('b', bob, { server: 'hr' }), far)
      await sessions.put(session('w', aliceWorkload), far)
      await sessions.put(session('e', aliceElsewhere), far)
      const sids = async (scope: Scope) => (await sessions.list('acme', scope, epoch(0))).map((it) => it.sid)
      expect(await sids({ kind: 'user', principal: alice })).toEqual(['a1', 'a2'])
      expect(await sids({ kind: 'client', tenant: 'acme', client: 'ide' })).toEqual(['a2'])
      expect(await sids({ kind: 'server', tenant: 'acme', server: 'hr' })).toEqual(['b'])
      expect(await sids({ kind: 'session', tenant: 'acme', sid: 'w' })).toEqual(['w'])
      expect(await sids({ kind: 'downstream', tenant: 'acme', downstream: 'orders' })).toEqual([])
      expect(await sids({ kind: 'tenant', tenant: 'other' })).toEqual([])
      expect(await sessions.end({ kind: 'user', principal: alice }, 1)).toBe(0)
      expect(await sessions.end({ kind: 'user', principal: alice }, 2)).toBe(2)
      expect((await sessions.list('acme', undefined, epoch(0))).map((it) => it.sid)).toEqual(['b', 'w', 'e'])
    })

    it('forgets sessions after their end and updates one that is put again', async () => {
      const { sessions } = await open()
      await sessions.put(session('a', alice), epoch(100))
      await sessions.put(session('a', alice, { rev: 7 }), epoch(200))
      expect((await sessions.get('acme', 'a'))?.rev).toBe(7)
      expect(await sessions.list('acme', undefined, epoch(200))).toEqual([])
      expect(await sessions.prune(epoch(200))).toBe(1)
      expect(await sessions.get('acme', 'a')).toBeUndefined()
    })

    it('finds the active connections that a cut reaches, and none that is newer than it', async () => {
      const { connections } = await open()
      await connections.put(connection('old', alice))
      await connections.put(connection('new', alice, { rev: 5 }))
      await connections.put(connection('other', bob))
      await connections.put(connection('workload', aliceWorkload))
      const ids = async (scope: Scope, seq: number) =>
        (await connections.reached(scope, seq)).map((it) => it.id)
      const user: Scope = { kind: 'user', principal: alice }
      expect(await ids(user, 5)).toEqual(['old'])
      expect(await ids(user, 6)).toEqual(['old', 'new'])
      expect(await ids({ kind: 'downstream', tenant: 'acme', downstream: 'orders' }, 2)).toEqual([
        'old',
        'other',
        'workload',
      ])
      expect(await ids({ kind: 'session', tenant: 'acme', sid: 'sid-other' }, 2)).toEqual(['other'])
      expect(await ids({ kind: 'connection', tenant: 'acme', connection: 'old' }, 2)).toEqual(['old'])
      await connections.markDestroyed('acme', 'old', { at: epoch(9), rev: 5, cause: 'test' })
      expect(await ids(user, 6)).toEqual(['new'])
      expect((await connections.get('acme', 'old'))?.status).toBe('destroyed')
    })

    it('lists a connection as pending until it is activated; a cut reaches it all the same', async () => {
      const { connections } = await open()
      await connections.put(connection('half', alice, { status: 'pending' }))
      await connections.put(connection('whole', alice))
      expect((await connections.pending('acme')).map(({ id }) => id)).toEqual(['half'])
      expect(await connections.pending('other')).toEqual([])
      const reached = await connections.reached({ kind: 'user', principal: alice }, 9)
      expect(reached.map(({ id, status }) => [id, status])).toEqual([
        ['half', 'pending'],
        ['whole', 'active'],
      ])
      await connections.activate('acme', 'half')
      expect(await connections.pending('acme')).toEqual([])
      expect((await connections.get('acme', 'half'))?.status).toBe('active')
      await connections.markDestroyed('acme', 'half', { at: epoch(9), rev: 5, cause: 'test' })
      await connections.activate('acme', 'half')
      expect((await connections.get('acme', 'half'))?.status).toBe('destroyed')
    })

    it('keeps what an active connection wants until it is put anew, and revives none', async () => {
      const { connections } = await open()
      const wanted = async () => (await connections.get('acme', 'a'))?.wanted
      await connections.put(connection('a', alice, { status: 'pending' }))
      await connections.want('acme', 'a', ['early'])
      await connections.activate('acme', 'a')
      expect(await wanted()).toBeUndefined()
      await connections.want('acme', 'a', ['orders.read'])
      await connections.want('acme', 'a', ['orders "write"', 'ü'])
      await connections.want('other', 'a', ['foreign'])
      expect(await wanted()).toEqual(['orders "write"', 'ü'])
      await connections.put(connection('a', alice))
      expect(await wanted()).toBeUndefined()
      await connections.markDestroyed('acme', 'a', { at: epoch(9), rev: 5, cause: 'test' })
      await connections.want('acme', 'a', ['late'])
      expect(await connections.get('acme', 'a')).toEqual(connection('a', alice, { status: 'destroyed' }))
    })

    it('lists cuts whose follow-up is not finished, in order', async () => {
      const { log, receipts } = await open()
      const cut = {
        kind: 'cut',
        scope: { kind: 'tenant', tenant: 'acme' },
        hold: false,
        cause: 'test',
      } as const
      await log.append({ id: 'cut-one1', at: epoch(1), by: 'x', body: cut })
      await log.append({
        id: 'hold-one',
        at: epoch(1),
        by: 'x',
        body: { kind: 'hold', scope: cut.scope, cause: 'y' },
      })
      await log.append({ id: 'cut-two2', at: epoch(1), by: 'x', body: cut })
      expect(await receipts.unfinished()).toEqual(['cut-one1', 'cut-two2'])
      await receipts.finish('cut-one1')
      expect(await receipts.unfinished()).toEqual(['cut-two2'])
    })

    it('keeps every revision of a receipt and gives the latest', async () => {
      const { receipts } = await open()
      await receipts.save('r', 1, 'one')
      await receipts.save('r', 2, 'two')
      await receipts.save('r', 1, 'forged')
      expect(await receipts.latest('r')).toEqual({ revision: 2, jws: 'two' })
      expect(await receipts.latest('unknown')).toBeUndefined()
    })

    it('keeps what each tool is held to, by server and tool, and replaces what is put again', async () => {
      const { pins } = await open()
      const definition = { digest: 'sha256:1', at: epoch(1), title: 'Ünïcode \u2028' }
      const pin = (server: string, tool: string, tenant = 'acme') => ({
        tenant,
        server,
        tool,
        seen: definition,
      })
      await pins.put([pin('hr', 'b'), pin('crm', 'z'), pin('crm', 'a/b c'), pin('crm', 'a', 'other')])
      await pins.put([])
      const again = { ...pin('crm', 'z'), pinned: { ...definition, by: 'first-seen' as const } }
      await pins.put([again])
      expect(await pins.list('acme')).toEqual([pin('crm', 'a/b c'), again, pin('hr', 'b')])
      expect(await pins.list('other')).toHaveLength(1)
    })

    it('gives outbox jobs when they are due', async () => {
      const { outbox } = await open()
      const job = {
        job: 'j',
        revocation: 'r',
        connection: 'c',
        place: connection('c', alice).place,
        attempts: 0,
        nextAt: epoch(50),
        until: epoch(99),
      }
      await outbox.put(job)
      expect(await outbox.due(epoch(49))).toEqual([])
      expect(await outbox.due(epoch(50))).toEqual([job])
      expect(await outbox.count()).toBe(1)
      await outbox.done('j')
      expect(await outbox.count()).toBe(0)
      expect(await outbox.due(epoch(99))).toEqual([])
    })
  })
}
