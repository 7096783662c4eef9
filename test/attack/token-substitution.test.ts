import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { asSallyportError, SallyportError } from '../../src/model/index.ts'
import type { Draft } from '../kit/provider.ts'
import { unsignedJwt } from '../kit/provider.ts'
import { claimsIn, codeOf, exchanged, reveal, rig, systemOwned } from '../exchange/rig.ts'
import { filesBelow, openScene, type Scene } from './scene.ts'

/** The authorization server, or whoever sits in its place, returns another token than was asked for. */
type Case = readonly [what: string, tamper: (draft: Draft) => void]

const claim = (name: string, value: unknown) => (draft: Draft) => {
  if (draft.claims !== undefined) draft.claims[name] = value
}
const body = (name: string, value: unknown) => (draft: Draft) => void (draft.body[name] = value)
const withoutBody = (name: string) => (draft: Draft) => {
  draft.body = Object.fromEntries(Object.entries(draft.body).filter(([key]) => key !== name))
}

const substitutions: readonly Case[] = [
  ["another person's token", claim('sub', 'mallory')],
  ['a token without a sub', claim('sub', undefined)],
  ['a token for another audience', claim('aud', 'billing-api')],
  ['a token without an audience', claim('aud', undefined)],
  ['a token for a further audience besides', claim('aud', ['orders-api', 'billing-api'])],
  ['an audience that only begins alike', claim('aud', 'orders-api.evil')],
  ['an audience in another case', claim('aud', 'Orders-API')],
  ['an audience that is no text', claim('aud', [{ id: 'orders-api' }])],
  ['a scope beyond what was asked, in the answer', body('scope', 'orders.read orders.write')],
  ['a scope beyond what was asked, in the token', claim('scope', 'orders.read orders.write')],
  ['an identity scope that the subject token did not have', body('scope', 'orders.read email')],
  [
    'a scope list in the scp claim',
    (draft) => {
      claim('scope', undefined)(draft)
      claim('scp', ['orders.read', 'admin'])(draft)
    },
  ],
  ['an expired token', claim('exp', 1_700_000_000)],
  ['an exp that is no number', claim('exp', '9999999999')],
  ["another issuer's token", claim('iss', 'https://evil.example')],
  ['a MAC token', body('token_type', 'mac')],
  ['a DPoP token, which needs a key that we have not', body('token_type', 'DPoP')],
  ['a token of type N_A, which is no access token (RFC 8693 §2.2.1)', body('token_type', 'N_A')],
  ['no issued_token_type (RFC 8693 §2.2.1)', withoutBody('issued_token_type')],
  ['an ID token', body('issued_token_type', 'urn:ietf:params:oauth:token-type:id_token')],
  [
    'a refresh token that nobody asked for as the token',
    body('issued_token_type', 'urn:ietf:params:oauth:token-type:refresh_token'),
  ],
  ['a token that lives for no time', body('expires_in', 0)],
  ['no token', body('access_token', '')],
  ['a token that breaks out of its header', body('access_token', 'abc\r\nX-Admin: true')],
  ['three parts that are no JWT', body('access_token', 'aaa.bbb.ccc')],
]

const uri = 'urn:ietf:params:oauth:token-type:'
const servers = `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    audiences: ["https://crm.example"]
    accept: subject-token
    allow: [anyone]
    direct: [plain, kept]`
const downstreams = ({ downstream }: { downstream: string }) =>
  ['plain', 'kept']
    .map(
      (name) => `
  ${name}:
    url: "${downstream}"
    resource: https://${name}.example
    exchange: { audience: orders-api, scope: [orders.read], refresh: ${name === 'kept'} }
    operations: [{ op: "GET /orders/{id}", class: read }]`,
    )
    .join('')

/** Let the provider answer as it should, but for what is tampered with. */
function answering(scene: Scene, tamper: (draft: Draft) => void): void {
  const { idp } = scene
  idp.knobs.grant = async (form) => {
    const keep = form['requested_token_type'] === `${uri}refresh_token`
    const draft: Draft = {
      claims: { aud: 'orders-api', scope: 'orders.read', azp: 'sallyport', client_id: undefined },
      body: {
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'orders.read',
        issued_token_type: form['requested_token_type'],
        ...(keep ? { refresh_token: 'rt-canary-of-the-provider' } : {}),
      },
    }
    tamper(draft)
    return { access_token: await idp.token(draft.claims), ...draft.body }
  }
}

const storedIn = ({ running }: Scene): string[] => {
  const folder = join(running.folder, 'data', 'secrets')
  return existsSync(folder) ? filesBelow(folder).filter((name) => /grant|connection/.test(name)) : []
}

describe('A08 token substitution: on the wire', () => {
  test.each(['plain', 'kept'])(
    'a wrong answer is not injected, not stored, and audited (%s)',
    { timeout: 30_000 },
    async (name) => {
      const scene = await openScene({ servers, downstreams })
      const path = `/downstream/${name}/orders/1`
      const answers: Record<string, string> = {}
      // With `refresh: true` a refresh token is what is asked for.
      const wrong = substitutions.filter(([what]) => name === 'plain' || !what.startsWith('a refresh token'))
      for (const [what, tamper] of wrong) {
        answering(scene, tamper)
        const before = scene.record().length
        const { status, code } = await scene.ask(await scene.idp.token(), path)
        const noted = scene.record().slice(before)
        const outcome = noted.find(({ kind }) => kind === 'exchange')
        answers[what] = [status, code, outcome?.['result'], outcome?.['reason']].join(' ')
      }
      const expected = '502 exchange_response_refused failed exchange_response_refused'
      expect(answers).toEqual(Object.fromEntries(wrong.map(([what]) => [what, expected])))
      expect(scene.downstream.connections).toBe(0)
      expect(storedIn(scene)).toEqual([])
      expect(
        await scene.running.instance.state.connections.list('default', { kind: 'tenant', tenant: 'default' }),
      ).toEqual([])
      expect(JSON.stringify(scene.record()) + scene.log.join('')).not.toContain('mallory')
      answering(scene, () => undefined)
      const right = await scene.ask(await scene.idp.token(), path)
      expect([right.status, scene.downstream.seen.length]).toEqual([200, 1])
      expect(storedIn(scene).length > 0).toBe(name === 'kept')
    },
  )
})

describe('A08 token substitution', () => {
  test.each(substitutions)('%s is refused, not used, not kept, and recorded', async (_what, tamper) => {
    const { exchange, need, provider, hand, events, secrets } = rig()
    hand()
    provider.knobs.tamper = tamper
    const wanted = () => need(exchanged(provider.issuer))
    expect(await codeOf(() => exchange.acquire(wanted()))).toBe('exchange_response_refused')
    expect(events).toEqual([
      expect.objectContaining({ kind: 'exchange', result: 'failed', reason: 'exchange_response_refused' }),
    ])
    expect(secrets.all()).toEqual([])
    provider.knobs.tamper = undefined
    const { length } = provider.calls
    expect(claimsIn(await exchange.acquire(wanted()))).toMatchObject({ sub: 'alice', aud: 'orders-api' })
    expect(provider.calls.length).toBe(length + 1)
  })

  test.each(substitutions.filter(([what]) => !what.includes('refresh token')))(
    '%s with a refresh token beside it is not stored either',
    async (_what, tamper) => {
      const { exchange, need, provider, hand, secrets, connections } = rig()
      hand()
      provider.knobs.tamper = tamper
      const code = await codeOf(() => exchange.acquire(need(exchanged(provider.issuer, { refresh: true }))))
      expect(code).toBe('exchange_response_refused')
      expect(secrets.all()).toEqual([])
      expect(connections.rows.size).toBe(0)
    },
  )

  test('no text of the provider is in what the caller or the record gets', async () => {
    const { exchange, need, provider, hand, events } = rig()
    hand()
    provider.knobs.tamper = (draft) => claim('sub', 'canary-mallory')(draft)
    const failure = await Promise.resolve(exchange.acquire(need(exchanged(provider.issuer)))).catch(
      asSallyportError,
    )
    if (!(failure instanceof SallyportError)) throw new Error('it went through')
    const shown = JSON.stringify([failure.message, failure.facts, events])
    expect(shown).not.toContain('canary')
    expect(shown).toContain('"field":"sub"')
  })

  test('a system token for another audience is refused as well', async () => {
    const { exchange, need, provider } = rig()
    provider.knobs.tamper = claim('aud', 'billing-api')
    expect(await codeOf(() => exchange.acquire(need(systemOwned(provider.issuer))))).toBe(
      'exchange_response_refused',
    )
  })

  test('a broad system token is refused if the narrower one is for somebody else', async () => {
    const { exchange, need, provider } = rig()
    provider.knobs.tamper = (draft) => {
      const narrowing = draft.body['issued_token_type'] !== undefined
      if (narrowing) claim('sub', 'alice')(draft)
      else claim('aud', ['stock-api', 'account'])(draft)
    }
    expect(await codeOf(() => exchange.acquire(need(systemOwned(provider.issuer))))).toBe(
      'exchange_response_refused',
    )
  })

  test('an identity scope that the subject token had is no widening', async () => {
    const { exchange, need, provider, hand } = rig()
    hand({}, { scope: 'openid profile email' })
    provider.knobs.tamper = body('scope', 'profile email orders.read')
    expect(reveal(await exchange.acquire(need(exchanged(provider.issuer))))).toBeTruthy()
  })

  test('where no scope was asked, nothing beyond the subject token is granted', async () => {
    const { exchange, need, provider, hand } = rig()
    hand({}, { scope: 'openid orders.read' })
    provider.knobs.tamper = body('scope', 'orders.read orders.write')
    const code = await codeOf(() => exchange.acquire(need(exchanged(provider.issuer, { scope: [] }))))
    expect(code).toBe('exchange_response_refused')
  })

  test('token_type is compared without case (RFC 6749 §5.1)', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    provider.knobs.tamper = body('token_type', 'bEARER')
    expect(reveal(await exchange.acquire(need(exchanged(provider.issuer))))).toBeTruthy()
  })

  test.each([
    ['a slash more', 'https://idp.example/realms/acme/'],
    ['another case of the host', 'https://IDP.example/realms/acme'],
    ['the default port', 'https://idp.example:443/realms/acme'],
    ['a dot segment', 'https://idp.example/x/../realms/acme'],
    ['another host', 'https://evil.example/realms/acme'],
  ])(
    'metadata of an issuer with %s is refused before anything is sent (RFC 8414 §3.3)',
    async (_what, issuer) => {
      const { exchange, need, provider, hand } = rig()
      hand()
      provider.knobs.metadata = { issuer }
      expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe(
        'exchange_misconfigured',
      )
      expect(provider.calls).toEqual([])
    },
  )

  test.each(['http://idp.example/token', 'file:///etc/passwd', 'javascript:alert(1)', undefined])(
    'a token endpoint at %s is refused before anything is sent',
    async (endpoint) => {
      const { exchange, need, provider, hand } = rig()
      hand()
      provider.knobs.metadata = { token_endpoint: endpoint }
      expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe(
        'exchange_misconfigured',
      )
      expect(provider.calls).toEqual([])
    },
  )

  test('an answer without end is broken off', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const chunk = new Uint8Array(16 * 1024)
    let sent = 0
    provider.knobs.respond = () => {
      const pull = (controller: ReadableStreamDefaultController): void => {
        sent += chunk.length
        controller.enqueue(chunk)
      }
      return new Response(new ReadableStream({ pull }), { headers: { 'content-type': 'application/json' } })
    }
    expect(await codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))).toBe(
      'exchange_unavailable',
    )
    expect(sent).toBeLessThan(1_000_000)
  })

  test('a subject token that is no JWT is not taken', async () => {
    const { exchange, session, clock } = rig()
    const { Secret, epoch } = await import('../../src/model/index.ts')
    const life = epoch(clock.now() + 60)
    for (const text of ['opaque', 'aaa.bbb.ccc', unsignedJwt({ act: 'agent' })]) {
      expect(await codeOf(() => exchange.hand(session(), new Secret(text, 'subject token'), life))).toBe(
        'token_malformed',
      )
    }
    expect(() =>
      exchange.hand(session(), new Secret(unsignedJwt({ sub: 'alice' }), 'subject token'), life),
    ).not.toThrow()
  })
})
