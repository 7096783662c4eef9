/**
 * Three processes, one real secret store, and an authorization server that revokes the whole grant when a refresh
 * token is used twice (`test/kit/strict-as.ts`): what a grant may meet while it is refreshed.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ProxyFate } from '../kit/fault-proxy.ts'
import { parts } from '../kit/parts.ts'
import type { Fate } from '../kit/strict-as.ts'
import type { Moment } from './refresh/orders.ts'
import { denied, served } from './refresh/served.ts'
import { storeAt } from './refresh/store.ts'
import { type Member, startTeam, type Team } from './refresh/team.ts'

const { openbao } = parts()

describe.skipIf(openbao === undefined)('three processes and one grant', { timeout: 60_000 }, () => {
  let team: Team
  beforeAll(async () => {
    team = await startTeam({ ...(await storeAt(openbao!)), address: openbao!.address })
  })
  afterEach(async () => {
    team.as.fate = () => 'answer'
    team.as.leeway = () => 0
    team.as.life = 300
    for (const { proxy } of team.members) proxy!.fate = () => 'pass'
    await team.skew()
  })
  afterAll(() => team.stop())

  /** What befalls the person's first refreshes, in order; the further ones are answered. */
  const fateOf = (subject: string, ...fates: readonly Fate[]): void => {
    const left = [...fates]
    team.as.fate = (asked) =>
      asked.grant === 'refresh_token' && asked.subject === subject ? (left.shift() ?? 'answer') : 'answer'
  }

  describe('at the moment it expires', () => {
    it.each([
      [200, 'an exchanged grant', 'exchanged-200'],
      [67, 'an exchanged grant', 'exchanged-67'],
      [200, 'a linked account', 'linked-200'],
    ])('%i calls in each for %s: one refresh, no error', async (each, _what, subject) => {
      await team.expired(subject)
      served(team, await team.storm(subject, each), 3 * each)
      served(team, await team.storm(subject, each), 3 * each)
      expect(team.as.refreshes(subject)).toBe(1)
      expect(team.as.alive(subject)).toHaveLength(1)
    })

    it('as those of twenty people do: one refresh for each, no error', async () => {
      const people = Array.from({ length: 20 }, (_, n) => `person-${n}`)
      await team.expired(...people)
      for (const told of await Promise.all(people.map((subject) => team.storm(subject, 5))))
        served(team, told, 15)
      expect(people.map((subject) => team.as.refreshes(subject))).toEqual(people.map(() => 1))
    })

    it.each([
      [[30, 0, -30], 300],
      [[-30, 0, 30], 300],
      [[30, -30, 0], 60],
      [[0, 30, 30], 60],
    ])(
      'with clocks that are %j s off: one refresh, no error, and none again (tokens of %i s)',
      async (skews, life) => {
        const subject = `skew-${skews.join('_')}-${life}`
        team.as.life = life
        await team.skew(...skews)
        await team.expired(subject)
        fateOf(subject, { delay: 300 })
        served(team, await team.storm(subject, 50), 150)
        served(team, await team.storm(subject, 50), 150)
        expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated'])
      },
    )
  })

  describe('an answer of the provider that is lost', () => {
    it.each([
      ['an exchanged grant', 'lost-strict'],
      ['a linked account', 'linked-lost'],
    ])(
      'after it has rotated: %s is dead, asked for once more, and never again until there is a new one',
      async (_what, subject) => {
        await team.expired(subject)
        fateOf(subject, 'reset')
        denied(await team.storm(subject, 100), 300, 'reauth_required')
        for (let turn = 0; turn < 3; turn += 1) denied(await team.storm(subject, 50), 150, 'reauth_required')
        expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated', 'reused'])
        await team.grant(subject)
        served(team, await team.members[0]!.acquire(subject, 10), 10)
        served(team, await team.storm(subject, 10), 30)
        expect(team.as.refreshes(subject)).toBe(2)
      },
    )

    it('after it has rotated, with leeway: asked once more, and nobody notices', async () => {
      const subject = 'lost-leeway'
      await team.expired(subject)
      team.as.leeway = () => 30
      fateOf(subject, 'reset')
      served(team, await team.storm(subject, 100), 300)
      expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated', 'forgiven'])
    })

    it('before it did anything: asked once more, and nobody notices', async () => {
      const subject = 'lost-early'
      await team.expired(subject)
      fateOf(subject, 'reset first')
      served(team, await team.storm(subject, 100), 300)
      expect(team.as.outcomes(subject)).toEqual(['issued', 'refused', 'rotated'])
    })
  })

  describe('a provider that is not there', () => {
    it('and says when it will be (429, Retry-After) is left alone until then, and the grant lives', async () => {
      const subject = 'busy'
      await team.expired(subject)
      team.as.fate = ({ grant }) => (grant === 'refresh_token' ? { status: 429, retryAfter: 2 } : 'answer')
      for (let turn = 0; turn < 4; turn += 1)
        denied(await team.storm(subject, 50), 150, 'exchange_unavailable')
      expect(team.as.refreshes(subject)).toBeLessThanOrEqual(3)
      team.as.fate = () => 'answer'
      await wait(2100)
      served(team, await team.storm(subject, 50), 150)
      expect(team.as.outcomes(subject).filter((it) => it === 'rotated')).toHaveLength(1)
    })

    it('and says nothing (500) is asked less and less, and the grant lives', async () => {
      const subject = 'down'
      await team.expired(subject)
      team.as.fate = ({ grant }) => (grant === 'refresh_token' ? { status: 500 } : 'answer')
      for (let turn = 0; turn < 12; turn += 1)
        denied(await team.storm(subject, 20), 60, 'exchange_unavailable')
      // Without pauses: a call and its repetition, for each process and turn.
      expect(team.as.refreshes(subject)).toBeLessThanOrEqual((12 * 3 * 2) / 3)
      team.as.fate = () => 'answer'
      await expect
        .poll(async () => (await team.storm(subject, 20)).codes, { timeout: 10_000, interval: 500 })
        .toEqual({})
      served(team, await team.storm(subject, 20), 60)
      expect(team.as.outcomes(subject).filter((it) => it === 'rotated')).toHaveLength(1)
    })
  })

  describe('a secret store that fails after the provider has rotated', () => {
    const unavailable: ProxyFate = { status: 503, errors: [] }
    const isWrite = (method: string, path: string) => method === 'POST' && path.includes('/data/')

    it('for everybody, for three seconds: nobody notices', async () => {
      const subject = 'store-everybody'
      const [, member] = team.members
      await team.expired(subject)
      const { halted } = await member!.halt('after the token call')
      const first = member!.acquire(subject, 30)
      await halted
      for (const { proxy } of team.members) proxy!.fate = () => unavailable
      const others = Promise.all([team.members[0]!, team.members[2]!].map((it) => it.acquire(subject, 30)))
      await member!.tell({ do: 'go' })
      await wait(3000)
      for (const { proxy } of team.members) proxy!.fate = () => 'pass'
      for (const told of [await first, ...(await others)]) served(team, told, 30)
      expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated'])
    })

    it('for who refreshed, longer than callers wait: told by 503 and an alarm, kept, written when it can be, used once', async () => {
      const subject = 'store-one'
      const [first, member, third] = team.members as [Member, Member, Member]
      await team.expired(subject)
      const { halted } = await member.halt('after the token call')
      const told = member.acquire(subject, 30)
      await halted
      member.proxy!.fate = (method, path) => (isWrite(method, path) ? unavailable : 'pass')
      const others = Promise.all([first, third].map((it) => it.acquire(subject, 30)))
      await member.tell({ do: 'go' })
      denied(await told, 30, 'secrets_unavailable')
      expect(await member.tell({ do: 'unsaved' })).toBe(1)
      member.proxy!.fate = () => 'pass'
      for (const each of await others) served(team, each, 30)
      expect(await member.tell({ do: 'unsaved' })).toBe(0)
      served(team, await team.storm(subject, 30), 90)
      expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated'])
    })

    it('by losing its answers, to the claim and to the grant: nobody notices', async () => {
      const subject = 'store-lost'
      await team.expired(subject)
      for (const { proxy } of team.members) {
        let lost = 0
        proxy!.fate = (method, path) =>
          isWrite(method, path) && (lost += 1) <= 4 && lost % 2 === 1 ? 'lose the answer' : 'pass'
      }
      served(team, await team.storm(subject, 30), 90)
      expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated'])
    })
  })

  describe('a cut in the middle', () => {
    it.each<[Moment, string, number, string]>([
      ['before the token call', 'the process that refreshes', 0, 'cut-1'],
      ['after the token call', 'the process that refreshes', 0, 'cut-2'],
      ['before the token call', 'another process', 1, 'cut-3'],
      ['after the token call', 'another process', 1, 'cut-4'],
      ['after the token call', 'the process that refreshes', 0, 'linked-cut-1'],
      ['after the token call', 'another process', 1, 'linked-cut-2'],
    ])(
      '%s, ordered in %s: nothing is usable afterwards, and the fresh token is revoked at the provider',
      async (moment, _where, refreshing, subject) => {
        await team.expired(subject)
        const member = team.members[refreshing]!
        const { halted } = await member.halt(moment)
        const told = member.acquire(subject, 30)
        await halted
        // The first made the grant, and has it in its index.
        const revoked = await team.members[0]!.tell({ do: 'revoke', subject })
        expect(revoked).toMatchObject({ status: 'complete' })
        if (refreshing === 0) denied(await told, 30, 'cut')
        await member.tell({ do: 'go' })
        denied(await told, 30, refreshing === 0 ? 'cut' : 'secrets_destroyed')
        await expect.poll(() => team.as.refreshes(subject)).toBe(1)
        await expect.poll(() => team.as.alive(subject), { timeout: 10_000 }).toEqual([])
        const after = await team.storm(subject, 10)
        expect(after.tokens).toEqual({})
        expect(team.as.refreshes(subject)).toBe(1)
      },
    )
  })
})
