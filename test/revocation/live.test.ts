import { describe, expect, it } from 'vitest'
import type { Barred, LiveHandle, Principal, Work } from '../../src/model/index.ts'
import { createLiveRegistry } from '../../src/revocation/index.ts'

const alice: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' }
const work = (over: Partial<Work> = {}): Work => ({
  principal: alice,
  client: 'chat',
  server: 'crm',
  sid: 's1',
  downstream: 'orders',
  ...over,
})

function handle(): LiveHandle & { ended: Barred[]; frozen: boolean[] } {
  const ended: Barred[] = []
  const frozen: boolean[] = []
  return { ended, frozen, abort: (barred) => void ended.push(barred), freeze: (now) => void frozen.push(now) }
}

describe('the registry of live work', () => {
  it('ends what a scope reaches, once, and nothing else', () => {
    const registry = createLiveRegistry()
    const [mine, theirs] = [handle(), handle()]
    registry.open(work(), mine)
    registry.open(work({ principal: { ...alice, subject: 'bob' }, sid: 's2' }), theirs)
    const scope = { kind: 'user', principal: alice } as const
    expect(registry.abort(scope, { reason: 'cut', seq: 3 })).toBe(1)
    expect(registry.abort(scope, { reason: 'cut', seq: 4 })).toBe(0)
    expect(mine.ended).toEqual([{ reason: 'cut', seq: 3 }])
    expect(theirs.ended).toEqual([])
    expect(registry.size).toBe(1)
  })

  it('leaves alone what has finished', () => {
    const registry = createLiveRegistry()
    const finished = handle()
    registry.open(work(), finished)()
    expect(registry.abort({ kind: 'tenant', tenant: 'acme' }, { reason: 'cut' })).toBe(0)
    expect(finished.ended).toEqual([])
  })

  it('finds work by each of its keys', () => {
    const scopes = [
      { kind: 'tenant', tenant: 'acme' },
      { kind: 'client', tenant: 'acme', client: 'chat' },
      { kind: 'session', tenant: 'acme', sid: 's1' },
      { kind: 'connection', tenant: 'acme', connection: 'c1' },
      { kind: 'downstream', tenant: 'acme', downstream: 'orders' },
      { kind: 'server', tenant: 'acme', server: 'crm' },
      { kind: 'tool', tenant: 'acme', server: 'crm', tool: 'refund' },
    ] as const
    for (const scope of scopes) {
      const registry = createLiveRegistry()
      registry.open(work({ connection: 'c1', tool: 'refund' }), handle())
      expect(registry.abort(scope, { reason: 'cut' }), scope.kind).toBe(1)
    }
  })

  it('freezes what is open and what opens while the lease is lapsed', () => {
    const registry = createLiveRegistry()
    const [early, late] = [handle(), handle()]
    registry.open(work(), early)
    registry.freeze(true)
    registry.open(work(), late)
    registry.freeze(false)
    expect(early.frozen).toEqual([true, false])
    expect(late.frozen).toEqual([true, false])
  })
})
