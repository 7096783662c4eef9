import { describe, expect, test, vi } from 'vitest'
import type { Credential } from '../../src/model/index.ts'
import { claimsIn, codeOf, exchanged, forAll, perUser, reveal, rig, systemOwned, tenant } from './rig.ts'

const isReady = (value: Credential | Promise<Credential>): value is Credential => !(value instanceof Promise)

describe('acquire refuses', () => {
  test('an exchange without a subject token in hand: 401, nothing is sent', async () => {
    const { exchange, need, provider } = rig()
    expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe('subject_expired')
    expect(provider.calls).toEqual([])
  })

  test('an exchange once the subject token has expired, though nobody swept it away', async () => {
    const { exchange, need, provider, hand, clock } = rig()
    hand({}, {}, 60)
    clock.advance(60)
    expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe('subject_expired')
  })

  test.each([
    ['a workload', { kind: 'workload' }],
    ['a user of another issuer', { issuer: 'https://other.example' }],
  ] as const)(
    'to exchange the token of %s: its sub means nothing at this issuer',
    async (_who, principal) => {
      const { exchange, need, provider, hand } = rig()
      hand({ principal })
      const code = await codeOf(() => exchange.acquire(need(exchanged(provider.issuer), { principal })))
      expect(code).toBe('exchange_unsupported_principal')
      expect(provider.calls).toEqual([])
    },
  )

  test('a per-user secret for a workload', async () => {
    const { exchange, need } = rig()
    const code = await codeOf(() => exchange.acquire(need(perUser, { principal: { kind: 'workload' } })))
    expect(code).toBe('exchange_unsupported_principal')
  })

  test('everything while this process may not serve', async () => {
    const { exchange, need, provider, hand, gate } = rig()
    hand()
    gate.isFresh = false
    expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe('lease_lapsed')
    expect(provider.calls).toEqual([])
  })

  test('to go on when the record cannot be written, and caches nothing', async () => {
    const { exchange, need, provider, hand, events } = rig()
    hand()
    const push = vi.spyOn(events, 'push').mockImplementationOnce(() => {
      throw new Error('disk full')
    })
    await expect(exchange.acquire(need(exchanged(provider.issuer)))).rejects.toThrow()
    expect(push).toHaveBeenCalled()
    await exchange.acquire(need(exchanged(provider.issuer)))
    expect(provider.calls).toHaveLength(2)
  })
})

describe('acquire', () => {
  test("exchanges the subject token for the downstream's audience and scope, as client_secret_basic (RFC 8693 §2.1)", async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const credential = await exchange.acquire(need(exchanged(provider.issuer)))
    expect(claimsIn(credential)).toMatchObject({ sub: 'alice', aud: 'orders-api', scope: 'orders.read' })
    const [call] = provider.calls
    expect(call?.client).toBe('sallyport')
    expect(call?.form).toMatchObject({
      audience: 'orders-api',
      scope: 'orders.read',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })
    expect(call?.form).not.toHaveProperty('client_secret')
  })

  test("pins the credential to the downstream's origin and stamps its expiry, fingerprint and log position", async () => {
    const { exchange, need, provider, hand, clock, gate } = rig()
    gate.advance()
    hand()
    const credential = await exchange.acquire(need(exchanged(provider.issuer)))
    expect(credential).toMatchObject({
      origin: 'https://orders.internal',
      placement: { kind: 'bearer' },
      expiresAt: clock.now() + 300,
      rev: 1,
    })
    expect(credential.fingerprint).toMatch(/^[0-9a-f]{16}$/)
  })

  test('answers from memory synchronously and without any I/O', async () => {
    const { exchange, need, provider, hand, secrets, events } = rig()
    hand()
    const wanted = need(exchanged(provider.issuer))
    const first = await exchange.acquire(wanted)
    const before = [provider.calls.length, provider.discoveries, secrets.reads, events.length]
    for (let turn = 0; turn < 1000; turn++) {
      const again = exchange.acquire(wanted)
      if (!isReady(again)) throw new Error('not synchronous')
      expect(again).toBe(first)
    }
    expect([provider.calls.length, provider.discoveries, secrets.reads, events.length]).toEqual(before)
  })

  test('makes one call for a hundred who ask at once', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const all = await Promise.all(
      Array.from({ length: 100 }, async () => exchange.acquire(need(exchanged(provider.issuer)))),
    )
    expect(new Set(all.map(reveal)).size).toBe(1)
    expect(provider.calls).toHaveLength(1)
    expect(provider.discoveries).toBe(1)
  })

  test('stops serving 30 s before the end of a token, or a tenth of its life before it', async () => {
    const { exchange, need, provider, hand, clock } = rig()
    const wanted = () => exchange.acquire(need(exchanged(provider.issuer)))
    hand({}, {}, 3000)
    await wanted()
    clock.advance(269)
    expect(isReady(wanted())).toBe(true)
    clock.advance(1)
    provider.knobs.tamper = ({ body, claims }) => {
      body['expires_in'] = 50
      delete claims?.['exp']
    }
    await wanted()
    expect(provider.calls).toHaveLength(2)
    clock.advance(44)
    expect(isReady(wanted())).toBe(true)
    clock.advance(1)
    await wanted()
    expect(provider.calls).toHaveLength(3)
  })

  test('takes a token without expires_in and exp for a short one', async () => {
    const { exchange, need, provider, hand, clock } = rig()
    provider.knobs.tamper = (draft) => {
      draft.claims = undefined
      delete draft.body['expires_in']
    }
    hand()
    const credential = await exchange.acquire(need(exchanged(provider.issuer)))
    expect(credential.expiresAt).toBe(clock.now() + 60)
  })

  test('believes the earlier of expires_in and exp', async () => {
    const { exchange, need, provider, hand, clock } = rig()
    provider.knobs.tamper = ({ body }) => void (body['expires_in'] = 86_400)
    hand()
    const credential = await exchange.acquire(need(exchanged(provider.issuer)))
    expect(credential.expiresAt).toBe(clock.now() + 300)
  })

  test('records each exchange with who, where and a fingerprint, and never a token', async () => {
    const { exchange, need, provider, hand, events } = rig()
    hand()
    const credential = await exchange.acquire(need(exchanged(provider.issuer)))
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      kind: 'exchange',
      downstream: 'orders',
      credential: credential.fingerprint,
      result: 'done',
      who: { client: 'chat', server: 'crm', principal: { subject: 'alice' } },
    })
    expect(JSON.stringify(events)).not.toContain(reveal(credential).slice(0, 30))
  })

  test('asks for the resource of the downstream where no audience is configured (RFC 8707 §2)', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const { audience: _audience, ...source } = exchanged(provider.issuer).credential as { audience: string }
    const bare = { ...exchanged(provider.issuer), credential: source as never }
    await exchange.acquire(need(bare))
    expect(provider.calls[0]?.form).toMatchObject({ resource: 'https://orders.internal' })
    expect(provider.calls[0]?.form).not.toHaveProperty('audience')
  })
})

describe('client credentials', () => {
  test('give one token of the system to all its callers, users and workloads', async () => {
    const { exchange, need, provider } = rig()
    const to = systemOwned(provider.issuer)
    const first = await exchange.acquire(need(to, { subject: 'alice' }))
    const second = await exchange.acquire(need(to, { subject: 'robot', principal: { kind: 'workload' } }))
    expect(reveal(second)).toBe(reveal(first))
    expect(provider.count('client_credentials')).toBe(1)
  })

  test("carry the caller's log position, so a cut of one person leaves the system's token to others", async () => {
    const { exchange, need, provider, gate } = rig()
    const to = systemOwned(provider.issuer)
    await exchange.acquire(need(to, { subject: 'alice' }))
    const scope = {
      kind: 'user',
      principal: need(to, { subject: 'alice' }).access.session.principal,
    } as const
    gate.cut(scope)
    exchange.bar(scope)
    const credential = exchange.acquire(need(to, { subject: 'bob' }))
    expect(isReady(credential)).toBe(true)
    expect((await credential).rev).toBe(1)
    expect(provider.count('client_credentials')).toBe(1)
  })

  test('that name further audiences are narrowed by an exchange before they are used', async () => {
    const { exchange, need, provider } = rig()
    provider.knobs.tamper = ({ claims }, { form }) => {
      if (form['grant_type'] === 'client_credentials' && claims !== undefined)
        claims['aud'] = ['stock-api', 'account']
    }
    const credential = await exchange.acquire(need(systemOwned(provider.issuer)))
    expect(claimsIn(credential)).toMatchObject({ aud: 'stock-api', sub: 'service-account-sallyport' })
    expect(provider.calls).toHaveLength(2)
  })

  test('that name further audiences are refused where the server has no exchange', async () => {
    const { exchange, need, provider } = rig()
    provider.knobs.tamper = ({ claims }) => claims !== undefined && (claims['aud'] = ['stock-api', 'account'])
    const code = await codeOf(() => exchange.acquire(need(systemOwned(provider.issuer))))
    expect(code).toBe('exchange_response_refused')
  })

  test('may name further audiences that are configured', async () => {
    const { exchange, need, provider } = rig()
    provider.knobs.tamper = ({ claims }) => claims !== undefined && (claims['aud'] = ['stock-api', 'account'])
    const to = systemOwned(provider.issuer, { extraAudiences: ['account'] })
    expect(claimsIn(await exchange.acquire(need(to)))['aud']).toEqual(['stock-api', 'account'])
  })
})

describe('static secrets', () => {
  test('for all come from the configuration at once, with their header', () => {
    const { exchange, need } = rig()
    const credential = exchange.acquire(need(forAll()))
    if (!isReady(credential)) throw new Error('not synchronous')
    expect(reveal(credential)).toBe('static-for-all')
    expect(credential.placement).toEqual({ kind: 'header', name: 'X-Api-Key' })
    expect(credential).not.toHaveProperty('expiresAt')
    expect(exchange.acquire(need(forAll('rotated')))).toHaveProperty('origin', 'https://legacy.internal')
  })

  test('for all change with the configuration, and move with the log', () => {
    const { exchange, need, gate } = rig()
    const to = forAll()
    const first = exchange.acquire(need(to)) as Credential
    expect(exchange.acquire(need(to))).toBe(first)
    gate.advance()
    expect((exchange.acquire(need(to)) as Credential).rev).toBe(1)
    expect(reveal(exchange.acquire(need(forAll('rotated'))) as Credential)).toBe('rotated')
  })
})

describe('a refused credential', () => {
  test('is replaced once, and its replacement not again for a while', async () => {
    const { exchange, need, provider, hand, clock } = rig()
    hand({}, {}, 3000)
    const wanted = () => need(exchanged(provider.issuer))
    const first = await exchange.acquire(wanted())
    exchange.refused(wanted(), first)
    const second = await exchange.acquire(wanted())
    expect(reveal(second)).not.toBe(reveal(first))
    for (let turn = 0; turn < 50; turn++) {
      exchange.refused(wanted(), second)
      await exchange.acquire(wanted())
    }
    expect(provider.calls).toHaveLength(2)
    clock.advance(11)
    exchange.refused(wanted(), second)
    expect(reveal(await exchange.acquire(wanted()))).not.toBe(reveal(second))
  })

  test('that is not the cached one any more changes nothing', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const wanted = () => need(exchanged(provider.issuer))
    const first = await exchange.acquire(wanted())
    exchange.refused(wanted(), first)
    const second = await exchange.acquire(wanted())
    exchange.refused(wanted(), first)
    expect(exchange.acquire(wanted())).toBe(second)
  })

  test('of the tenant leaves with the bar', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    await exchange.acquire(need(exchanged(provider.issuer)))
    expect(exchange.bar({ kind: 'tenant', tenant })).toBe(2)
  })
})
