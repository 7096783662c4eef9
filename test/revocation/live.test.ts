import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
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

  it('holds what was opened and not closed, whatever the order', () => {
    const steps = fc.array(
      fc.oneof(
        fc.constant({ step: 'open' } as const),
        fc.record({ step: fc.constant('close' as const), which: fc.nat(20) }),
        fc.record({ step: fc.constant('cut' as const), sid: fc.integer({ min: 0, max: 2 }) }),
      ),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(steps, (run) => {
        const registry = createLiveRegistry()
        const opened: { readonly sid: string; readonly mine: ReturnType<typeof handle>; close(): void }[] = []
        const open = new Set<(typeof opened)[number]>()
        for (const step of run) {
          if (step.step === 'open') {
            const [sid, mine] = [`s${opened.length % 3}`, handle()]
            const item = { sid, mine, close: registry.open(work({ sid }), mine) }
            opened.push(item)
            open.add(item)
          } else if (step.step === 'close') {
            const item = opened[step.which]
            item?.close()
            if (item !== undefined) open.delete(item)
          } else {
            const reached = [...open].filter(({ sid }) => sid === `s${step.sid}`)
            const scope = { kind: 'session', tenant: 'acme', sid: `s${step.sid}` } as const
            expect(registry.abort(scope, { reason: 'cut' })).toBe(reached.length)
            for (const item of reached) open.delete(item)
            for (const { mine } of reached) expect(mine.ended).toHaveLength(1)
          }
          expect(registry.size).toBe(open.size)
        }
        for (const item of open) expect(item.mine.ended).toEqual([])
      }),
    )
  })

  it('does not end what the end of another has ended', () => {
    const registry = createLiveRegistry()
    const second = handle()
    let closeSecond = (): void => undefined
    registry.open(work(), { abort: () => closeSecond(), freeze: () => undefined })
    closeSecond = registry.open(work(), second)
    expect(registry.abortAll({ reason: 'cut' })).toBe(1)
    expect(second.ended).toEqual([])
    expect(registry.size).toBe(0)
  })

  it('keeps nothing of what was closed alive', () => {
    const registry = createLiveRegistry()
    const open: (() => void)[] = []
    const oldSpace = () =>
      getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0
    const request = () => {
      const held = Array.from({ length: 500 }, (_, index) => ({ index }))
      open.push(registry.open(work(), { abort: () => held.length, freeze: () => undefined }))
      if (open.length > 32) open.shift()?.()
    }
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (let count = 0; count < 1000; count += 1) request()
    collect()
    const before = oldSpace()
    let most = 0
    for (let count = 0; count < 10_000; count += 1) {
      request()
      most = Math.max(most, oldSpace() - before)
    }
    // Of 160 MB that pass through, a Set keeps tens.
    expect(most).toBeLessThan(5_000_000)
  })
})
