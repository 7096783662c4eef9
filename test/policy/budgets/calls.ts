import { type Clock, epoch, millis } from '../../../src/model/index.ts'
import type { BudgetedCall } from '../../../src/policy/index.ts'

export function call(more: Partial<BudgetedCall> & { readonly subject?: string } = {}): BudgetedCall {
  const { subject = 'alice', ...rest } = more
  return {
    principal: { kind: 'user', tenant: 'acme', issuer: 'https://idp.example', subject },
    client: 'desktop',
    server: 'crm',
    sid: `session of ${subject}`,
    tool: 'search',
    class: 'read',
    downstreams: ['orders'],
    digest: 'a',
    ...rest,
  }
}

/** Both clocks, in milliseconds, and going only when told. */
export function handClock(
  startMs = 1_800_000_000_000,
): Clock & { advance(ms: number): void; readonly ms: number } {
  let ms = startMs
  return {
    now: () => epoch(ms / 1000),
    monotonic: () => millis(ms),
    advance: (more) => {
      ms += more
    },
    get ms() {
      return ms
    },
  }
}
