import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Fate } from '../kit/strict-as.ts'
import { type Kept, startKept } from './kept.ts'

/** A person whose access token has ended, and whose refresh waits, before or after the provider has rotated. */
async function refreshing(kept: Kept, until: Promise<unknown>, rotatesFirst: boolean) {
  const { as } = kept
  as.life = 2
  const alice = await kept.session('alice')
  expect(await kept.ask(alice)).toEqual({ status: 200, code: undefined })
  await wait(2100)
  const fate: Fate = rotatesFirst ? { answerAfter: until } : { hold: until }
  as.fate = ({ grant }) => (grant === 'refresh_token' ? fate : 'answer')
  const asked = kept.ask(alice)
  await expect.poll(() => as.refreshes('alice')).toBe(1)
  return { alice, asked }
}

describe('A12 a person is cut while a grant of theirs is refreshed', { timeout: 30_000 }, () => {
  it.each([
    ['before the provider has rotated', false],
    ['after it has', true],
  ])(
    '%s: refused at once, nothing goes out, and what came is revoked at the provider',
    async (_when, rotatesFirst) => {
      const kept = await startKept()
      const { as, api } = kept
      const answer = Promise.withResolvers<undefined>()
      const { alice, asked } = await refreshing(kept, answer.promise, rotatesFirst)
      const cut = await kept.revoke('alice')
      expect(cut.body['status']).toBe('complete')
      expect(await asked).toEqual({ status: 401, code: 'cut' })
      answer.resolve(undefined)
      for (let turn = 0; turn < 100 && as.alive('alice').length > 0; turn += 1) await wait(30)
      expect(as.alive('alice')).toEqual([])
      expect((await kept.ask(alice)).status).toBe(401)
      await kept.restart()
      expect((await kept.ask(alice)).status).toBe(401)
      const { body } = await kept.running.admin('GET', '/v1/connections')
      expect(body['connections']).toMatchObject([{ status: 'destroyed' }])
      expect(api.seen).toHaveLength(1)
      expect(as.refreshes('alice')).toBe(1)
    },
  )

  it('and nobody else: their refresh under way is used, and kept', async () => {
    const kept = await startKept()
    const answer = Promise.withResolvers<undefined>()
    const { alice, asked } = await refreshing(kept, answer.promise, true)
    await kept.session('bob')
    expect((await kept.revoke('bob')).status).toBe(200)
    answer.resolve(undefined)
    expect(await asked).toEqual({ status: 200, code: undefined })
    expect(await kept.ask(alice)).toEqual({ status: 200, code: undefined })
    expect(kept.as.outcomes('alice')).toEqual(['issued', 'rotated'])
  })
})
