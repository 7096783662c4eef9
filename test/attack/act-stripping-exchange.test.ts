import { describe, expect, test } from 'vitest'
import { claimsIn, codeOf, exchanged, reveal, rig } from '../exchange/rig.ts'
import type { Draft } from '../kit/provider.ts'

/** A10, the exchange's side: a delegation in the subject token must not get lost in what is exchanged for it. */
const set = (claims: Record<string, unknown>) => (draft: Draft) => Object.assign(draft.claims ?? {}, claims)

describe('A10 act stripping: a delegation that an exchange would lose', () => {
  test.each([
    ['act lost', { act: { sub: 'agent' } }, {}],
    ['act replaced', { act: { sub: 'agent' } }, { act: { sub: 'other' } }],
    [
      'act of another issuer',
      { act: { sub: 'agent', iss: 'https://a' } },
      { act: { sub: 'agent', iss: 'https://b' } },
    ],
    ['the inner actor lost', { act: { sub: 'agent', act: { sub: 'first' } } }, { act: { sub: 'agent' } }],
    [
      'the chain turned around',
      { act: { sub: 'agent', act: { sub: 'first' } } },
      { act: { sub: 'first', act: { sub: 'agent' } } },
    ],
    [
      'an actor slipped into the middle',
      { act: { sub: 'agent', act: { sub: 'first' } } },
      { act: { sub: 'agent', act: { sub: 'new', act: { sub: 'first' } } } },
    ],
    ['may_act lost', { may_act: { sub: 'agent' } }, {}],
    ['may_act widened', { may_act: { sub: 'agent' } }, { may_act: { sub: 'anyone' } }],
    [
      'may_act with a member less',
      { may_act: { sub: 'agent', iss: 'https://a' } },
      { may_act: { sub: 'agent' } },
    ],
    ['somebody else acting', { may_act: { sub: 'agent' } }, { act: { sub: 'other' } }],
    [
      'act kept and may_act lost',
      { act: { sub: 'agent' }, may_act: { sub: 'next' } },
      { act: { sub: 'agent' } },
    ],
  ])('%s', async (_what, subject, result) => {
    const { exchange, need, provider, hand, events } = rig()
    hand({}, subject)
    provider.knobs.tamper = set(result)
    expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe(
      'token_delegation_refused',
    )
    expect(events).toEqual([
      expect.objectContaining({ result: 'failed', reason: 'token_delegation_refused' }),
    ])
  })

  test('behind an opaque token, where nobody can see it', async () => {
    const { exchange, need, provider, hand } = rig()
    hand({}, { act: { sub: 'agent' } })
    provider.knobs.tamper = (draft) => void (draft.claims = undefined)
    expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe(
      'token_delegation_refused',
    )
  })

  test('by a chain that is too long to be looked at whole', async () => {
    const { exchange, need, provider, hand } = rig()
    const nest = (depth: number): Record<string, unknown> => ({
      sub: `a${depth}`,
      ...(depth > 0 ? { act: nest(depth - 1) } : {}),
    })
    expect(() => hand({}, { act: nest(5) })).toThrow()
    hand()
    provider.knobs.tamper = set({ act: nest(5) })
    expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe(
      'exchange_response_refused',
    )
  })

  test('by keeping a refresh token, whose refreshes nobody could check', async () => {
    const { exchange, need, provider, hand, secrets } = rig()
    hand({}, { act: { sub: 'agent' } })
    provider.knobs.tamper = set({ act: { sub: 'agent' } })
    await exchange.acquire(need(exchanged(provider.issuer, { refresh: true })))
    expect(provider.calls.map(({ form }) => form['requested_token_type'])).toEqual([
      'urn:ietf:params:oauth:token-type:access_token',
    ])
    expect(secrets.all()).toEqual([])
  })
})

describe('A10 act stripping: a delegation that is kept', () => {
  test.each([
    [
      'the same chain',
      { act: { sub: 'agent', act: { sub: 'first' } } },
      { act: { sub: 'agent', act: { sub: 'first' } } },
    ],
    [
      'nested under a new actor (RFC 8693 §4.1)',
      { act: { sub: 'agent' } },
      { act: { sub: 'sallyport', act: { sub: 'agent' } } },
    ],
    ['may_act exercised', { may_act: { sub: 'agent' } }, { act: { sub: 'agent' } }],
    [
      'may_act unchanged',
      { may_act: { iss: 'https://a', sub: 'agent' } },
      { may_act: { sub: 'agent', iss: 'https://a' } },
    ],
  ])('%s', async (_what, subject, result) => {
    const { exchange, need, provider, hand } = rig()
    hand({}, subject)
    provider.knobs.tamper = set(result)
    expect(claimsIn(await exchange.acquire(need(exchanged(provider.issuer))))).toMatchObject(result)
  })

  test('and callers behind different actors never share a credential', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const to = exchanged(provider.issuer)
    const direct = await exchange.acquire(need(to))
    const acted = await exchange.acquire(need(to, { actor: { subject: 'crm' } }))
    const nested = await exchange.acquire(
      need(to, { actor: { subject: 'crm', actingFor: { subject: 'bot' } } }),
    )
    expect(new Set([direct, acted, nested].map(reveal)).size).toBe(3)
  })
})
