import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Barred, LiveHandle, Principal, Work } from '../../src/model/index.ts'
import { createReplica } from '../../src/revocation/index.ts'
import { watchLease } from '../../src/revocation/lapse.ts'
import { seconds } from '../../src/model/index.ts'

const alice: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' }
const work: Work = { principal: alice, client: 'chat', server: 'crm', sid: 's1' }

describe('a lease that lapses (revocation protocol, line 7)', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function open() {
    const state = { fresh: true }
    const replica = createReplica(
      { tenant: 'acme', skew: seconds(0) },
      { lease: { fresh: () => state.fresh } },
    )
    const seen: (boolean | Barred)[] = []
    const handle: LiveHandle = {
      abort: (barred) => void seen.push(barred),
      freeze: (frozen) => void seen.push(frozen),
    }
    replica.live.open(work, handle)
    const stop = watchLease(replica.lease, replica.live)
    return { state, replica, seen, stop }
  }

  it('refuses everything at once, whatever the log says', () => {
    const { state, replica, stop } = open()
    expect(replica.gate.check(work, 0)).toBeUndefined()
    state.fresh = false
    expect(replica.gate.check(work, 0)).toEqual({ reason: 'lease_lapsed' })
    expect(replica.gate.fresh()).toBe(false)
    stop()
  })

  it('freezes streams, and lets them go on when it is back in time', () => {
    const { state, seen, stop } = open()
    state.fresh = false
    vi.advanceTimersByTime(10_000)
    state.fresh = true
    vi.advanceTimersByTime(1000)
    expect(seen).toEqual([true, false])
    stop()
  })

  it('destroys them after thirty seconds', () => {
    const { state, seen, stop } = open()
    state.fresh = false
    vi.advanceTimersByTime(29_000)
    expect(seen).toEqual([true])
    vi.advanceTimersByTime(2000)
    expect(seen).toEqual([true, { reason: 'lease_lapsed' }])
    stop()
  })
})
