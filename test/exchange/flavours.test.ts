import { describe, expect, test } from 'vitest'
import { Secret } from '../../src/model/index.ts'
import { oauthError, type ProviderCall, unsignedJwt } from '../kit/provider.ts'
import { client, codeOf, downstream, exchanged, reveal, rig, type Rig } from './rig.ts'

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const type = (name: string) => `urn:ietf:params:oauth:token-type:${name}`

function answering(it: Rig, answer: (call: ProviderCall) => object | Response): void {
  it.provider.knobs.respond = (call) => {
    const made = answer(call)
    return made instanceof Response ? made : Response.json(made)
  }
}

describe('on-behalf-of at Entra', () => {
  const graph = 'https://graph.microsoft.com'
  const scope = [`${graph}/Mail.Read`]
  const obo = (it: Rig, more = {}) => {
    const source = exchanged(it.provider.issuer, { flavour: 'entra-obo', scope, ...more }).credential
    const { audience: _audience, ...rest } = source as Extract<typeof source, { kind: 'exchange' }>
    return downstream('mail', { ...rest, resource: graph })
  }
  const person = { oid: 'object-of-alice', tid: 'tenant-1' }
  const good = (it: Rig, claims = {}) => ({
    token_type: 'Bearer',
    expires_in: 3599,
    scope: 'Mail.Read User.Read profile openid email',
    access_token: unsignedJwt({
      aud: '00000003-0000-0000-c000-000000000000',
      iss: it.provider.issuer,
      sub: 'pairwise-at-graph',
      scp: 'Mail.Read',
      exp: it.clock.now() + 3599,
      ...person,
      ...claims,
    }),
  })

  test('sends what Entra documents, and takes its names of audience, person and scope for ours', async () => {
    const it = rig()
    it.hand({}, person)
    answering(it, () => ({ ...good(it), scope: 'Mail.Read' }))
    const credential = await it.exchange.acquire(it.need(obo(it)))
    expect(it.provider.calls[0]?.form).toMatchObject({
      grant_type: jwtBearer,
      requested_token_use: 'on_behalf_of',
      scope: `${graph}/Mail.Read`,
    })
    expect(it.provider.calls[0]?.form['assertion']?.split('.')).toHaveLength(3)
    expect(it.provider.calls[0]?.form).not.toHaveProperty('audience')
    expect(reveal(credential).split('.')).toHaveLength(3)
  })

  test('.default stands for all that was consented to', async () => {
    const it = rig()
    it.hand({}, person)
    answering(it, () => ({ ...good(it), scope: `${graph}/Mail.Read ${graph}/User.Read ${graph}/.default` }))
    await it.exchange.acquire(it.need(obo(it, { scope: [`${graph}/.default`] })))
  })

  test.each([
    ['of another person', { oid: 'object-of-bob' }, 'oid'],
    ['of another tenant', { tid: 'tenant-2' }, 'oid'],
    ['of nobody', { oid: undefined }, 'oid'],
    ['for another resource', { aud: 'https://vault.azure.net' }, 'aud'],
    ['with a scope that was not asked for', { scp: 'Mail.Read Mail.Send' }, 'scope'],
    ['that has ended', { exp: 1 }, 'exp'],
  ])('a token %s is refused', async (_what, claims, field) => {
    const it = rig()
    it.hand({}, person)
    answering(it, () => ({ ...good(it, claims), scope: 'Mail.Read' }))
    expect(await codeOf(() => it.exchange.acquire(it.need(obo(it))))).toBe('exchange_response_refused')
    expect(it.events.at(-1)).toMatchObject({ details: { field } })
  })

  test('an app’s own token is no assertion of a person', async () => {
    const it = rig()
    const who = { principal: { kind: 'workload' } } as const
    it.hand(who, person)
    expect(await codeOf(() => it.exchange.acquire(it.need(obo(it), who)))).toBe(
      'exchange_unsupported_principal',
    )
    expect(it.provider.calls).toEqual([])
  })

  test.each([
    ['interaction_required', { error_codes: [50076], claims: '{"access_token":{"acrs":{"value":"c1"}}}' }],
    ['invalid_grant', { suberror: 'consent_required', error_codes: [65001] }],
  ])('%s leads the person to a page, and is no dead grant', async (error, more) => {
    const it = rig()
    it.hand({}, person)
    answering(it, () => oauthError(error, 400, more))
    expect(await codeOf(() => it.exchange.acquire(it.need(obo(it))))).toBe('connect_required')
    expect(await codeOf(() => it.exchange.acquire(it.need(obo(it, { refresh: true }))))).toBe(
      'connect_required',
    )
    const state = 'the-state'
    const { principal } = it.session()
    const begun = await it.exchange.linking.begin(obo(it), state, {
      principal,
      server: it.need(obo(it)).server,
    })
    const query = new URL(begun.url).searchParams
    expect(query.get('claims')).toBe('claims' in more ? more.claims : null)
    expect(query.get('scope')).toBe(`openid profile offline_access ${graph}/Mail.Read`)
  })

  test('a resource that wants more is exchanged for anew, with what it wants, and no more than that is sent', async () => {
    const it = rig()
    it.hand({}, person)
    let serial = 0
    answering(it, () => ({ ...good(it, { jti: `t${++serial}` }), scope: 'Mail.Read' }))
    const need = it.need(obo(it))
    const first = await it.exchange.acquire(need)
    const wanted = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
    it.exchange.refused(need, first, wanted)
    await it.exchange.acquire(need)
    expect(it.provider.calls.map(({ form }) => form['claims'])).toEqual([undefined, wanted])
    it.exchange.refused(it.need(obo(it), { subject: 'bob' }), first, 'not json')
    it.hand({ subject: 'bob' }, person)
    await it.exchange.acquire(it.need(obo(it), { subject: 'bob' }))
    expect(it.provider.calls.at(-1)?.form).not.toHaveProperty('claims')
  })

  test('is kept and refreshed with its scopes', async () => {
    const it = rig()
    it.hand({}, person)
    answering(it, ({ form }) => ({
      ...good(it),
      scope: 'Mail.Read',
      refresh_token: `rt-after-${form['grant_type'] === 'refresh_token' ? 'refresh' : 'exchange'}`,
    }))
    await it.exchange.acquire(it.need(obo(it, { refresh: true })))
    expect(it.provider.calls[0]?.form['scope']).toBe(`${graph}/Mail.Read offline_access`)
    it.clock.advance(3590)
    const again = it.replica()
    await again.acquire(it.need(obo(it, { refresh: true })))
    expect(it.provider.calls[1]?.form).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'rt-after-exchange',
      scope: `${graph}/Mail.Read offline_access`,
    })
  })
})

describe('the person’s token as an assertion (RFC 7523)', () => {
  const things = (more = {}) =>
    exchanged('https://as.things.example', {
      flavour: 'jwt-bearer',
      audience: 'things',
      scope: ['things.read'],
      ...more,
    })

  const thingsServer = (it: Rig, answer: () => object | Response) => {
    const calls: Record<string, string>[] = []
    const exchange = it.replica(async (url, init = {}) => {
      const path = new URL(url).pathname
      if (path === '/.well-known/openid-configuration')
        return Response.json({
          issuer: 'https://as.things.example',
          token_endpoint: 'https://as.things.example/token',
        })
      calls.push(Object.fromEntries(init.body as URLSearchParams))
      const made = answer()
      return made instanceof Response ? made : Response.json(made)
    })
    return { exchange, calls }
  }
  const good = (it: Rig, claims = {}) => ({
    token_type: 'Bearer',
    expires_in: 300,
    access_token: unsignedJwt({
      aud: 'things',
      sub: 'alice-there',
      scope: 'things.read',
      exp: it.clock.now() + 300,
      ...claims,
    }),
  })

  test('is sent to a server that trusts its issuer, which has its own name for the person', async () => {
    const it = rig()
    it.hand()
    const { exchange, calls } = thingsServer(it, () => good(it))
    exchange.hand(
      it.session(),
      new Secret(it.provider.subject({ exp: it.clock.now() + 300 }), 'subject'),
      (it.clock.now() + 300) as never,
    )
    await exchange.acquire(it.need(things()))
    expect(calls).toEqual([
      expect.objectContaining({ grant_type: jwtBearer, audience: 'things', scope: 'things.read' }),
    ])
    expect(calls[0]?.['assertion']?.split('.')).toHaveLength(3)
  })

  test.each([
    ['exchange_response_refused', (it: Rig) => good(it, { aud: 'other' })],
    ['exchange_response_refused', (it: Rig) => good(it, { scope: 'things.write' })],
    ['exchange_subject_refused', () => oauthError('invalid_grant')],
    ['exchange_target_refused', () => oauthError('invalid_scope')],
    ['exchange_misconfigured', () => oauthError('unsupported_grant_type')],
  ])('%s, and no other grant is tried', async (code, answer) => {
    const it = rig()
    const { exchange, calls } = thingsServer(it, () => answer(it))
    exchange.hand(
      it.session(),
      new Secret(it.provider.subject({ exp: it.clock.now() + 300 }), 'subject'),
      (it.clock.now() + 300) as never,
    )
    expect(await codeOf(() => exchange.acquire(it.need(things())))).toBe(code)
    expect(calls).toHaveLength(1)
  })
})

describe('an ID-JAG, and what it is good for', () => {
  const as = 'https://as.wiki.example'
  const wiki = (it: Rig) => {
    const source = exchanged(it.provider.issuer, {
      flavour: 'id-jag',
      scope: ['wiki.read'],
      resource: 'https://wiki.example/api',
      at: {
        issuer: as,
        client: { id: 'sallyport-at-wiki', secret: new Secret('wiki-secret', 'client secret') },
      },
    })
    const { audience: _audience, ...rest } = source.credential as Extract<
      typeof source.credential,
      { kind: 'exchange' }
    >
    return { ...source, credential: rest }
  }
  interface Two {
    readonly idp: Record<string, string>[]
    readonly wikis: Record<string, string>[]
    readonly exchange: Rig['exchange']
  }
  const jag = (it: Rig, claims = {}) => ({
    issued_token_type: type('id-jag'),
    token_type: 'N_A',
    expires_in: 300,
    access_token: unsignedJwt({
      iss: it.provider.issuer,
      aud: as,
      sub: 'alice',
      client_id: 'sallyport-at-wiki',
      jti: 'the-only-one',
      exp: it.clock.now() + 300,
      ...claims,
    }),
  })
  function two(it: Rig, first: (serial: number) => object | Response, second?: () => object | Response): Two {
    const idp: Record<string, string>[] = []
    const wikis: Record<string, string>[] = []
    const answerOf = (made: object | Response) => (made instanceof Response ? made : Response.json(made))
    const exchange = it.replica(async (url, init = {}) => {
      const { origin, pathname } = new URL(url)
      const issuer = origin === as ? as : it.provider.issuer
      if (pathname.endsWith('/.well-known/openid-configuration'))
        return Response.json({ issuer, token_endpoint: `${issuer}/token` })
      const form = Object.fromEntries(init.body as URLSearchParams)
      if (issuer !== as) {
        idp.push(form)
        return answerOf(first(idp.length))
      }
      wikis.push(form)
      const usual = {
        token_type: 'Bearer',
        expires_in: 60,
        access_token: `wiki-token-${wikis.length}`,
        scope: 'wiki.read',
      }
      return answerOf(second?.() ?? usual)
    })
    exchange.hand(
      it.session(),
      new Secret(it.provider.subject({ exp: it.clock.now() + 3000 }), 'subject'),
      (it.clock.now() + 3000) as never,
    )
    return { idp, wikis, exchange }
  }

  test('is asked for at the IdP, for one server and resource, and shown there by our client of it', async () => {
    const it = rig()
    const { idp, wikis, exchange } = two(it, (serial) => jag(it, { jti: `jag-${serial}` }))
    const credential = await exchange.acquire(it.need(wiki(it)))
    expect(reveal(credential)).toBe('wiki-token-1')
    expect(idp).toEqual([
      expect.objectContaining({
        grant_type: tokenExchange,
        requested_token_type: type('id-jag'),
        audience: as,
        resource: 'https://wiki.example/api',
        scope: 'wiki.read',
        subject_token_type: type('access_token'),
      }),
    ])
    expect(Object.keys(wikis[0] ?? {}).sort()).toEqual(['assertion', 'grant_type'])
    expect(wikis[0]?.['grant_type']).toBe(jwtBearer)
  })

  test('is another one for each token', async () => {
    const it = rig()
    const { idp, wikis, exchange } = two(it, (serial) => jag(it, { jti: `jag-${serial}` }))
    await exchange.acquire(it.need(wiki(it)))
    it.clock.advance(58)
    await exchange.acquire(it.need(wiki(it)))
    expect(idp).toHaveLength(2)
    expect(new Set(wikis.map(({ assertion }) => assertion)).size).toBe(2)
  })

  test.each([
    ['issued_token_type', { issued_token_type: type('access_token') }],
    ['token_type', { token_type: 'Bearer' }],
  ])('is no ID-JAG where its %s says something else', async (field, change) => {
    const it = rig()
    const { wikis, exchange } = two(it, () => ({ ...jag(it), ...change }))
    expect(await codeOf(() => exchange.acquire(it.need(wiki(it))))).toBe('exchange_response_refused')
    expect(it.events.at(-1)).toMatchObject({ details: { field } })
    expect(wikis).toEqual([])
  })

  test.each([
    ['aud', { aud: 'https://as.other.example' }],
    ['aud', { aud: [as, 'https://as.other.example'] }],
    ['iss', { iss: 'https://evil.example' }],
    ['exp', { exp: 1 }],
  ])('goes nowhere with another %s', async (field, claims) => {
    const it = rig()
    const { wikis, exchange } = two(it, () => jag(it, claims))
    expect(await codeOf(() => exchange.acquire(it.need(wiki(it))))).toBe('exchange_response_refused')
    expect(it.events.at(-1)).toMatchObject({ details: { field } })
    expect(wikis).toEqual([])
  })

  test('ends where the IdP wants the person back, or the server does not take it', async () => {
    const it = rig()
    const stepUp = two(it, () => oauthError('insufficient_user_authentication'))
    expect(await codeOf(() => stepUp.exchange.acquire(it.need(wiki(it))))).toBe('interaction_required')
    const refused = two(
      it,
      () => jag(it),
      () => oauthError('invalid_grant'),
    )
    expect(await codeOf(() => refused.exchange.acquire(it.need(wiki(it))))).toBe('exchange_subject_refused')
    expect(refused.wikis).toHaveLength(1)
  })

  test('gives no token with more than was asked for', async () => {
    const it = rig()
    const { exchange } = two(
      it,
      () => jag(it),
      () => ({ token_type: 'Bearer', access_token: 'opaque', scope: 'wiki.read wiki.admin' }),
    )
    expect(await codeOf(() => exchange.acquire(it.need(wiki(it))))).toBe('exchange_response_refused')
  })
})

test('a flavour is chosen for each downstream, and the usual one is token exchange', async () => {
  const it = rig()
  it.hand()
  await it.exchange.acquire(it.need(exchanged(it.provider.issuer)))
  expect(it.provider.calls[0]?.form['grant_type']).toBe(tokenExchange)
  expect(client.id).toBe('sallyport')
})
