import { createHash } from 'node:crypto'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compactVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { epoch, SallyportError, type Scope, Secret } from '../../src/model/index.ts'
import { alice, bob, keepConnection, keepSession, openWorld, order, placeOf } from './world.ts'

const user: Scope = { kind: 'user', principal: alice }

describe('a revocation', () => {
  it('answers complete with what it reached: sessions ended, calls aborted, connections destroyed', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    const session = await keepSession(world, alice)
    await keepConnection(world, alice)
    await keepConnection(world, bob)
    const ended: string[] = []
    const work = { principal: alice, client: 'chat', server: 'crm', sid: session.sid, downstream: 'orders' }
    world.replica.live.open(work, { abort: ({ reason }) => void ended.push(reason), freeze: () => {} })
    const { receipt } = await world.revocations.revoke(order(user, { wait: 'providers' }))
    expect(receipt).toMatchObject({
      status: 'complete',
      durability: 'disk',
      seq: 1,
      epoch: 'epoch-1',
      signIns: 'auth_time',
    })
    expect(receipt.replicas).toMatchObject([{ id: 'self', state: 'applied', sessions: 1, calls: 1 }])
    expect(receipt.connections).toMatchObject([
      { id: 'connection-of-alice', downstream: 'orders', store: 'destroyed', provider: 'revoked' },
    ])
    expect(ended).toEqual(['cut'])
    expect(world.asked.map(({ token }) => token)).toEqual(['refresh-alice'])
    expect((await world.stored.read(placeOf(alice)))?.tomb).toBeDefined()
    expect((await world.stored.read(placeOf(bob)))?.grant?.rt?.reveal()).toBe('refresh-bob')
  })

  it('bars in the log before it touches anything, and what is made afterwards is not reached', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    await world.revocations.revoke(order(user))
    const made = await keepConnection(world, alice)
    expect(world.replica.gate.applied).toBe(1)
    await world.revocations.revoke(
      order({ kind: 'server', tenant: 'acme', server: 'hr' }, { id: 'other-one' }),
    )
    expect((await world.stored.read(made.place))?.grant?.status).toBe('active')
  })

  it('gives the same receipt for the same id, and cuts once', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    const first = await world.revocations.revoke(order(user))
    const again = await world.revocations.revoke(order(user))
    expect(again).toEqual(first)
    expect((await world.state.log.head()).seq).toBe(1)
  })

  it('is recorded once, with each connection and what else is said in the log', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    await keepConnection(world, alice)
    await world.revocations.revoke(order(user))
    await world.revocations.revoke(order(user))
    await world.revocations.say({ kind: 'release', scope: user, cause: 'back' }, 'admin')
    expect(world.audit.events.map(({ kind, rev }) => [kind, rev])).toEqual([
      ['revoke', 1],
      ['revoked', 1],
      ['release', 2],
    ])
  })

  it('is carried out even when it cannot be recorded: the log entry stands already', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    await keepConnection(world, alice)
    world.audit.note = () => Promise.reject(new SallyportError('record_unavailable'))
    const { receipt } = await world.revocations.revoke(order(user))
    expect(receipt.status).toBe('complete')
    expect((await world.stored.read(placeOf(alice)))?.tomb).toBeDefined()
  })

  it('says fenced while the secret store is away, and finishes when it is back', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    await keepConnection(world, alice)
    world.faults.store = new SallyportError('secrets_unavailable')
    const { receipt } = await world.revocations.revoke(order(user, { waitSeconds: 0.2 }))
    expect(receipt.status).toBe('fenced')
    expect(receipt.connections).toMatchObject([{ store: 'pending' }])
    expect(
      world.replica.gate.check({ principal: alice, client: 'chat', server: 'crm', sid: 's' }, 0)?.reason,
    ).toBe('cut')
    delete world.faults.store
    const later = await world.revocations.revoke(order(user))
    expect(later.receipt.status).toBe('complete')
    expect(later.receipt.connections).toMatchObject([{ provider: 'pending', store: 'sealed-for-retry' }])
    expect(later.receipt.revision).toBeGreaterThan(receipt.revision)
  })

  it('signs each revision, and each names the former by its hash (line 12)', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    await keepConnection(world, alice)
    world.faults.provider = 'failed'
    const first = await world.revocations.revoke(order(user, { wait: 'providers', waitSeconds: 1.5 }))
    expect(first.receipt.status).toBe('waiting')
    expect(first.receipt.connections).toMatchObject([{ provider: 'pending', store: 'sealed-for-retry' }])
    world.faults.provider = 'revoked'
    world.clock.advance(10)
    await expect
      .poll(async () => (await world.revocations.receipt('revocation-1'))?.receipt.connections[0]?.provider, {
        timeout: 5000,
      })
      .toBe('revoked')
    const second = await world.revocations.receipt('revocation-1')
    expect(second?.receipt.previous).toBe(createHash('sha256').update(first.jws).digest('hex'))
    const publicKey = await importJWK({ ...world.keyring.signer.publicJwk }, 'EdDSA')
    const { payload } = await compactVerify(second?.jws ?? '', publicKey)
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual(second?.receipt)
  })

  it('has a refresh token that nobody keeps revoked later, again and again until the provider answers', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    world.faults.provider = 'failed'
    await world.revocations.revokeLater(placeOf(alice), new Secret('stray', 'refresh token'))
    await expect
      .poll(() => world.asked, { timeout: 5000 })
      .toEqual([{ place: placeOf(alice), token: 'stray' }])
    world.faults.provider = 'revoked'
    world.clock.advance(10)
    await expect.poll(() => world.asked.length, { timeout: 5000 }).toBe(2)
    await expect.poll(() => world.state.outbox.count()).toBe(0)
  })

  it('names the latest expiry of what was injected in the scope', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    const work = { principal: alice, client: 'chat', server: 'crm', sid: 's', downstream: 'orders' }
    world.horizon.note(work, epoch(world.clock.now() + 100))
    world.horizon.note({ ...work, principal: bob, sid: 'b' }, epoch(world.clock.now() + 999))
    const { receipt } = await world.revocations.revoke(order(user))
    expect(receipt.accessTokenHorizon).toBe(world.clock.now() + 100)
  })

  it('makes a copy of the ciphertext useless: the key of the principal is destroyed with the last connection', async () => {
    const world = await openWorld()
    await world.revocations.start(false)
    const { place } = await keepConnection(world, alice)
    const secrets = join(world.folder, 'secrets')
    const grants = readdirSync(secrets, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith('/grants'),
    )!
    cpSync(join(secrets, grants), join(world.folder, 'copy'), { recursive: true })
    await world.revocations.revoke(order(user))
    rmSync(join(secrets, grants), { recursive: true })
    cpSync(join(world.folder, 'copy'), join(secrets, grants), { recursive: true })
    world.stored.forget()
    const read = await world.stored.read(place)
    expect(read?.grant).toBeUndefined()
    expect(read?.tomb).toMatchObject({ rev: 1 })
  })

  it('goes on after a restart where a crash left it: the cut stands and its connections are destroyed', async () => {
    const world = await openWorld()
    await keepConnection(world, alice)
    // The process died right after the commit of the cut.
    await world.state.log.append({
      id: 'cut-before-crash',
      at: world.clock.now(),
      by: 'admin',
      body: { kind: 'cut', scope: user, hold: false, cause: 'left' },
    })
    await world.revocations.start(false)
    expect(world.replica.gate.applied).toBe(1)
    await expect.poll(() => world.state.receipts.unfinished()).toEqual([])
    expect((await world.stored.read(placeOf(alice)))?.tomb).toMatchObject({ rev: 1, cause: 'left' })
  })

  it('bars at a start only what a crash left unfinished: the rest of the log is history', async () => {
    const world = await openWorld()
    const cut = { kind: 'cut', scope: user, hold: false, cause: 'left' } as const
    const said = { at: world.clock.now(), by: 'admin' }
    await world.state.log.append({ ...said, id: 'long-finished', body: cut })
    await world.state.receipts.finish('long-finished')
    const newer = { ...(await keepSession(world, alice)), rev: 1 }
    await world.state.sessions.put(newer, epoch(world.clock.now() + 300))
    const other = { ...cut, scope: { kind: 'user', principal: bob } } as const
    await world.state.log.append({ ...said, id: 'left-unfinished', body: other })
    await world.revocations.start(false)
    expect(world.barred).toEqual([other.scope])
    const work = { principal: alice, client: 'chat', server: 'crm', sid: 's' }
    expect(world.replica.gate.check(work, 0)?.reason).toBe('cut')
    expect(await world.state.sessions.get('acme', newer.sid)).toEqual(newer)
  })

  it('cuts the whole tenant under a new epoch after a restore from a backup (line 14)', async () => {
    const world = await openWorld()
    await world.revocations.start(true)
    expect(await world.state.log.head()).toMatchObject({ seq: 1 })
    expect((await world.state.log.head()).epoch).not.toBe('epoch-1')
    expect(world.replica.gate.check({ principal: bob, client: 'c', server: 's', sid: 'x' }, 0)?.reason).toBe(
      'cut',
    )
  })
})
