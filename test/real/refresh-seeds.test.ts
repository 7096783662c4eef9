/**
 * Refreshes under faults that nobody chose: clocks, delays, failures of the provider and of the secret store, and
 * where they fall. As long as no answer of the provider is lost, a grant is refreshed exactly once and lives on.
 * `SALLYPORT_STORM_RUNS` sets how many are tried, `SALLYPORT_STORM_SEED` repeats what a failure printed.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProxyFate } from '../kit/fault-proxy.ts'
import { parts } from '../kit/parts.ts'
import type { Fate } from '../kit/strict-as.ts'
import type { Told } from './refresh/orders.ts'
import { served } from './refresh/served.ts'
import { storeAt } from './refresh/store.ts'
import { startTeam, type Team } from './refresh/team.ts'

const { openbao } = parts()
const numRuns = Number(process.env['SALLYPORT_STORM_RUNS'] ?? 6)
const seed = process.env['SALLYPORT_STORM_SEED']

const provider = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.nat(400).map((delay): Fate => ({ delay })) },
    { weight: 1, arbitrary: fc.constant<Fate>('reset first') },
    { weight: 1, arbitrary: fc.constantFrom(500, 502, 503).map((status): Fate => ({ status })) },
    { weight: 1, arbitrary: fc.constant<Fate>({ status: 429, retryAfter: 1 }) },
  ),
  { maxLength: 4 },
)
const unavailable: ProxyFate = { status: 503, errors: [] }
const store = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<ProxyFate>('pass') },
    { weight: 1, arbitrary: fc.constantFrom<ProxyFate>('reset', 'lose the answer', unavailable) },
  ),
  { maxLength: 40 },
)
const plans = fc.record({
  kind: fc.constantFrom('exchanged', 'linked'),
  skews: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -30, max: 30 }))),
  calls: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 1, max: 80 }))),
  life: fc.constantFrom(60, 300, 3600),
  provider,
  stores: fc.tuple(store, store, store),
})

describe.skipIf(openbao === undefined)('three processes and one grant, whatever happens', () => {
  let team: Team
  let people = 0
  beforeAll(async () => {
    team = await startTeam({ ...(await storeAt(openbao!)), address: openbao!.address })
  })
  afterAll(() => team.stop())

  const mayPass = new Set(['exchange_unavailable', 'secrets_unavailable'])

  /** What failed may be tried again, and works in the end. */
  async function untilServed(subject: string): Promise<Told> {
    const limit = performance.now() + 20_000
    for (;;) {
      const told = await team.storm(subject, 5)
      if (Object.keys(told.codes).length === 0 || performance.now() > limit) return told
      for (const code of Object.keys(told.codes)) expect(mayPass).toContain(code)
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  }

  it(`refreshes once and keeps the grant (${numRuns} runs)`, { timeout: 60_000 * numRuns }, async () => {
    const property = fc.asyncProperty(plans, async (plan) => {
      const subject = `${plan.kind}-${(people += 1)}`
      team.as.life = plan.life
      await team.skew(...plan.skews)
      await team.expired(subject)
      const fates = [...plan.provider]
      team.as.fate = ({ grant }) => (grant === 'refresh_token' ? (fates.shift() ?? 'answer') : 'answer')
      const left = plan.stores.map((all) => [...all])
      for (const [index, { proxy }] of team.members.entries())
        proxy!.fate = () => left[index]?.shift() ?? 'pass'
      const first = await Promise.all(
        team.members.map((member, index) => member.acquire(subject, plan.calls[index] ?? 1)),
      )
      for (const { codes } of first) for (const code of Object.keys(codes)) expect(mayPass).toContain(code)
      served(team, await untilServed(subject), 15)
      const { as } = team
      expect(as.outcomes(subject).filter((it) => it !== 'refused')).toEqual(['issued', 'rotated'])
      expect(as.alive(subject)).toHaveLength(1)
      as.fate = () => 'answer'
      for (const { proxy } of team.members) proxy!.fate = () => 'pass'
      as.life = 300
    })
    await fc.assert(property, {
      numRuns,
      endOnFailure: true,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    })
  })
})
