import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cacheKey, rememberedCacheKeys } from '../../src/exchange/cache-key.ts'
import type { Actor, Credential, Downstream } from '../../src/model/index.ts'
import { claimsIn, downstream, exchanged, type Rig, rig, systemOwned, type Who } from './rig.ts'

/** Whatever the order of asking, waiting, cutting and expiring: nobody gets what was made for somebody else. */

interface Asked {
  readonly who: Who
  readonly audience: string
  readonly scope: string
  readonly refresh: boolean
}

const actor: fc.Arbitrary<Actor | undefined> = fc.option(
  fc.record({ subject: fc.constantFrom('crm', 'bot'), issuer: fc.constantFrom('https://a', 'https://b') }),
  { nil: undefined },
)

// Names that run into each other if keys were joined carelessly.
const name = fc.constantFrom('a', 'ab', 'b', '1:a', 'a,b', '')
const subject = fc.constantFrom('alice', 'alice1', '1alice', 'bob')

const asked: fc.Arbitrary<Asked> = fc.record({
  who: fc.record({ subject, client: name, sid: fc.constantFrom('s1', 's2') }).chain((who) =>
    actor.map((acting) => ({
      ...who,
      sid: `${who.subject}/${who.client}/${who.sid}`,
      ...(acting === undefined ? {} : { actor: acting }),
    })),
  ),
  audience: fc.constantFrom('orders-api', 'orders-api2', 'orders'),
  scope: fc.constantFrom('read', 'read write', 'write'),
  refresh: fc.boolean(),
})

type Step =
  | { readonly kind: 'ask'; readonly asked: Asked }
  | { readonly kind: 'expire' }
  | { readonly kind: 'bar'; readonly asked: Asked }
  | { readonly kind: 'refuse'; readonly asked: Asked }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('ask' as const), asked }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('bar' as const), asked }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), asked }) },
)

function target(it: Rig, { audience, scope, refresh }: Asked): Downstream {
  return exchanged(it.provider.issuer, { audience, scope: scope.split(' '), refresh })
}

/** Everything that a credential may depend on; two needs that differ here may share nothing. */
function identityOf({ who, audience, scope, refresh }: Asked): string {
  return JSON.stringify([who.subject, who.client, who.sid, who.actor ?? null, audience, scope, refresh])
}

async function run(steps: readonly Step[]): Promise<void> {
  const it = rig()
  const owners = new Map<string, string>()
  const pending: Promise<void>[] = []

  const judge = (of: Asked, credential: Credential): void => {
    expect(claimsIn(credential)).toMatchObject({ sub: of.who.subject, aud: of.audience, scope: of.scope })
    expect(credential.origin).toBe('https://orders.internal')
    const owner = owners.get(credential.fingerprint) ?? identityOf(of)
    owners.set(credential.fingerprint, owner)
    expect(identityOf(of)).toBe(owner)
  }

  for (const each of steps) {
    if (each.kind === 'expire') {
      it.clock.advance(290)
    } else if (each.kind === 'bar') {
      const scope = { kind: 'user', principal: it.session(each.asked.who).principal } as const
      it.gate.cut(scope)
      it.exchange.bar(scope)
    } else {
      it.hand(each.asked.who, { scope: 'read write' }, 600)
      const need = it.need(target(it, each.asked), each.asked.who)
      const credential = Promise.resolve(it.exchange.acquire(need))
      pending.push(
        credential.then(
          (got) => {
            judge(each.asked, got)
            if (each.kind === 'refuse') it.exchange.refused(need, got)
          },
          () => undefined,
        ),
      )
    }
  }
  await Promise.all(pending)
}

test('no interleaving of principals, actors, clients, audiences and scopes yields another’s credential', {
  timeout: 60_000,
}, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 25 }), run), { numRuns: 80 })
})

test('a stored grant is not served for another scope than it was obtained for', async () => {
  const asked: Asked = { who: { sid: 's' }, audience: 'orders-api', scope: 'read', refresh: true }
  const it = rig()
  it.hand(asked.who, { scope: 'read write' }, 600)
  const got = async (scope: string) => {
    const need = it.need(target(it, { ...asked, scope }), asked.who)
    return claimsIn(await it.exchange.acquire(need))['scope']
  }
  expect([await got('read'), await got('write'), await got('read')]).toEqual(['read', 'write', 'read'])
})

test('needs that differ in anything have different cache keys; the same need always has the same', () => {
  const it = rig()
  fc.assert(
    fc.property(asked, asked, (left, right) => {
      const [one, other] = [left, right].map((of) => cacheKey(it.need(target(it, of), of.who)))
      expect(one === other).toBe(identityOf(left) === identityOf(right))
    }),
    { numRuns: 2000 },
  )
})

test('the same request by another client of ours, at another issuer, server or origin has another key', () => {
  const it = rig()
  const base = exchanged(it.provider.issuer)
  const variants = [
    base,
    exchanged('https://other.example'),
    exchanged(it.provider.issuer, { client: { id: 'other' } }),
    exchanged(it.provider.issuer, { resource: 'orders-api' }),
    { ...base, name: 'orders2' },
    { ...base, origin: 'https://elsewhere.internal' },
    systemOwned(it.provider.issuer),
    downstream('orders', { kind: 'static', per: 'user', placement: { kind: 'bearer' } }),
  ]
  const keys = variants.map((to) => cacheKey(it.need(to)))
  const need = it.need(base)
  keys.push(cacheKey({ ...need, server: { ...need.server, name: 'other' } }))
  keys.push(cacheKey({ ...need, server: { ...need.server, group: 'other' } }))
  expect(new Set(keys).size).toBe(keys.length)
})

test('no key holds a token', () => {
  const it = rig()
  it.hand()
  const key = cacheKey(it.need(exchanged(it.provider.issuer)))
  expect(key).not.toContain('eyJ')
  expect(key).not.toContain('client-secret')
})

test('a remembered key is the key, whatever changes beside a token that stays', () => {
  const it = rig()
  const keyOf = rememberedCacheKeys()
  const need = it.need(exchanged(it.provider.issuer))
  const { server } = need
  const needs = [
    need,
    { ...need, downstream: { ...need.downstream, origin: 'https://elsewhere.internal' } },
    { ...need, server: { ...server, group: 'other' } },
    it.need(exchanged(it.provider.issuer), { subject: 'bob' }),
    need,
  ]
  for (const each of [...needs, ...needs]) expect(keyOf(each)).toBe(cacheKey(each))
})
