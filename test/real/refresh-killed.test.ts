/**
 * `kill -9` of the process that refreshes, before and after the provider has rotated. What was rotated and not written
 * is gone with the process: the grant lives on only where the provider forgives a refresh token that is used twice.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parts } from '../kit/parts.ts'
import type { Told } from './refresh/orders.ts'
import { denied, served } from './refresh/served.ts'
import { storeAt } from './refresh/store.ts'
import { addUp, type Member, startTeam, type Team } from './refresh/team.ts'

const { openbao } = parts()

/** What a claim lasts by the clock, and how far clocks may be apart; whoever takes it over waits six seconds more. */
const claimAndSkew = 20 + 60 + 5

const people = ['before', 'after-strict', 'linked-strict', 'after-leeway']

describe.skipIf(openbao === undefined)('kill -9 of the process that refreshes', { timeout: 90_000 }, () => {
  let team: Team
  const told = new Map<string, Promise<Told>>()

  /** All of it at once, since claims last: one process dies with three refreshes under way. */
  beforeAll(async () => {
    team = await startTeam({ ...(await storeAt(openbao!)), address: openbao!.address })
    team.as.leeway = (subject) => (subject === 'after-leeway' ? 60 : 0)
    const [victim, ...others] = team.members as [Member, Member, Member]
    await team.expired(...people)
    for (const [subject, moment] of [
      ['before', 'before the token call'],
      ['after-strict', 'after the token call'],
      ['linked-strict', 'after the token call'],
      ['after-leeway', 'after the token call'],
    ] as const) {
      const { halted } = await victim.halt(moment)
      victim.acquire(subject, 20).catch(() => undefined)
      await halted
    }
    await victim.kill()
    for (const subject of people) {
      told.set(subject, Promise.all(others.map((member) => member.acquire(subject, 100))).then(addUp))
    }
    await wait(300)
    // They watch the claims of the dead until the clock says that their time is over.
    expect(people.map((subject) => team.as.refreshes(subject))).toEqual([0, 1, 1, 1])
    await Promise.all(
      others.map((member) => member.tell({ do: 'clock', ahead: team.as.ahead + claimAndSkew })),
    )
  }, 60_000)
  afterAll(() => team.stop())

  it('before the token call: the others refresh once, and nobody sees an error', async () => {
    served(team, await told.get('before')!, 200)
    expect(team.as.outcomes('before')).toEqual(['issued', 'rotated'])
  })

  it('after it, where the provider forgives: one more call within its leeway, and nobody sees an error', async () => {
    served(team, await told.get('after-leeway')!, 200)
    expect(team.as.outcomes('after-leeway')).toEqual(['issued', 'rotated', 'forgiven'])
  })

  it.each([
    ['exchanged', 'after-strict'],
    ['linked', 'linked-strict'],
  ])(
    'after it, at a strict provider: one more call, then reauth_required, and never another until there is a new grant (%s)',
    async (_how, subject) => {
      denied(await told.get(subject)!, 200, 'reauth_required')
      expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated', 'reused'])
      await team.revive()
      for (let turn = 0; turn < 3; turn += 1) denied(await team.storm(subject, 50), 150, 'reauth_required')
      expect(team.as.refreshes(subject)).toBe(2)
      await team.grant(subject)
      served(team, await team.members[0]!.acquire(subject, 10), 10)
      served(team, await team.storm(subject, 10), 30)
      expect(team.as.refreshes(subject)).toBe(2)
    },
  )
})
