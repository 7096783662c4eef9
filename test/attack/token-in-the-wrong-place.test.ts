import { describe, expect, it } from 'vitest'
import { openScene, orders, type Scene } from './scene.ts'

const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`

/** The status and code of an answer off the wire. */
const read = (answer: string): string => {
  const code = /"code":"([a-z_]+)"/.exec(answer)?.[1]
  return [/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'no answer', ...(code === undefined ? [] : [code])].join(
    ' ',
  )
}

/** A request to the egress with exactly these header lines. */
const get = async (scene: Scene, lines: readonly string[], target = orders): Promise<string> => {
  const { host } = new URL(scene.running.egress)
  return read(
    await scene.raw(`GET ${target} HTTP/1.1\r\n${[`Host: ${host}`, ...lines].join('\r\n')}\r\n\r\n`),
  )
}

/** Nothing of it got to the downstream: not a connection. */
const untouched = ({ downstream }: Scene) => expect(downstream.connections).toBe(0)

describe('A06 a token in more than one place: the egress', () => {
  it.each([
    ['in the query', (token: string) => `${orders}?access_token=${token}`],
    ['in the query under an encoded name', () => `${orders}?access%5ftoken=x`],
    ['in the query under a name in capitals', () => `${orders}?a=b&ACCESS_TOKEN=x`],
    ['in the query behind a semicolon', () => `${orders}?a=b;access_token=x`],
    ['in the query under a name of its own', (token: string) => `${orders}?t=${token}`],
    ['in the path', (token: string) => `/downstream/orders/orders/${token}`],
  ])('refuses one %s beside the right header', async (_where, target) => {
    const scene = await openScene()
    const token = await scene.idp.token()
    expect(await get(scene, [`Authorization: Bearer ${token}`], target(token))).toBe('400 token_ambiguous')
    untouched(scene)
  })

  it('refuses two Authorization headers, whichever is right and whichever is first', async () => {
    const scene = await openScene()
    const [right, other] = [await scene.idp.token(), await scene.idp.token({ sub: 'bob' })]
    for (const [first, second] of [
      [right, other],
      [right, right],
      [right, 'junk'],
      ['junk', right],
    ]) {
      const lines = [`Authorization: Bearer ${first}`, `authorization: Bearer ${second}`]
      expect(await get(scene, lines)).toBe('400 token_ambiguous')
    }
    expect(await get(scene, [`Authorization: Bearer ${right}`, 'Authorization: Basic eDp5'])).toBe(
      '400 token_ambiguous',
    )
    untouched(scene)
  })

  it('refuses a list behind Bearer, with a comma, a space or both', async () => {
    const scene = await openScene()
    const token = await scene.idp.token()
    for (const value of [
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token},${token}`,
      `Bearer ${token} other`,
      `Bearer ${token}\tother`,
      `Bearer ${token},`,
      `Bearer ,${token}`,
      `Bearer Bearer ${token}`,
    ]) {
      expect([value.length, await get(scene, [`Authorization: ${value}`])]).toEqual([
        value.length,
        '400 token_ambiguous',
      ])
    }
    untouched(scene)
  })

  it('refuses one in a header that the caller makes of it', async () => {
    const scene = await openScene()
    const token = await scene.idp.token()
    for (const line of [`X-Debug: ${token}`, `X-Debug: v=${token};`, `Referer: http://x/?t=${token}`]) {
      expect(await get(scene, [`Authorization: Bearer ${token}`, line])).toBe('400 token_ambiguous')
    }
    untouched(scene)
  })
})

describe('A06 a token where none is read: the egress', () => {
  it('does not look into the query, a cookie, another header or the body', async () => {
    const scene = await openScene()
    const token = await scene.idp.token()
    for (const line of [
      `Cookie: access_token=${token}`,
      `Cookie: Authorization=Bearer ${token}`,
      `X-Auth-Token: ${token}`,
      `X-Forwarded-Authorization: Bearer ${token}`,
      `Proxy-Authorization: Bearer ${token}`,
      `Sallyport-Capability: ${scene.running.capability('crm')}`,
    ]) {
      expect([line.split(':')[0], await get(scene, [line])]).toEqual([
        line.split(':')[0],
        '401 token_missing',
      ])
    }
    for (const target of [`${orders}?access_token=${token}`, `${orders}?bearer_token=${token}`]) {
      expect(await get(scene, [], target)).toMatch(/^40[01] token_/)
    }
    const form = ['Content-Type', 'application/x-www-form-urlencoded']
    const posted = { method: 'POST', body: `access_token=${token}`, headers: form }
    const answer = await scene.ask(undefined, '/downstream/orders/orders', posted)
    expect([answer.status, answer.code]).toEqual([401, 'token_missing'])
    untouched(scene)
  })

  it('takes no other scheme for Bearer, and no token that is none', async () => {
    const scene = await openScene()
    const token = await scene.idp.token()
    for (const value of [
      `Basic ${token}`,
      `DPoP ${token}`,
      `BearerX ${token}`,
      `Bearer${token}`,
      `Bearer`,
      `Bearer `,
      token,
      `Bearer "${token}"`,
      `Bearer ${token}\xff`,
      `Bearer ${token}.`,
      `Bearer ${token}=`,
      `Bearer ${token.replace('.', '..')}`,
      `Bearer a.b`,
      `Bearer =`,
    ]) {
      expect([value.slice(0, 12), await get(scene, [`Authorization: ${value}`])]).toEqual([
        value.slice(0, 12),
        expect.stringMatching(/^401 token_(missing|malformed)$/),
      ])
    }
    untouched(scene)
    // The scheme in any case (RFC 9110 §11.1), and only it.
    expect(await get(scene, [`Authorization: bEARER ${token}`])).toBe('200')
  })

  it('reads none of 64 KB, nor one just over its limit, and goes on serving', async () => {
    const scene = await openScene()
    const token = await scene.idp.token()
    expect(await get(scene, [`Authorization: Bearer ${'a'.repeat(65_536)}`])).toMatch(/^(431|no answer)/)
    const heavy = await scene.idp.token({ pad: 'x'.repeat(13_000) })
    expect(heavy.length).toBeGreaterThan(16_384)
    expect(await get(scene, [`Authorization: Bearer ${heavy}`])).toMatch(/^(401 token_malformed|431)/)
    untouched(scene)
    expect(await get(scene, [`Authorization: Bearer ${token}`])).toBe('200')
  })
})

const form = (token: string) =>
  `grant_type=${encodeURIComponent('urn:ietf:params:oauth:grant-type:token-exchange')}&subject_token=${token}` +
  `&subject_token_type=${encodeURIComponent('urn:ietf:params:oauth:token-type:access_token')}`

describe('A06 a token in more than one place: the token endpoint', () => {
  const post = async (scene: Scene, lines: readonly string[], body: string, target = '/oauth2/token') => {
    const { host } = new URL(scene.running.egress)
    const head = [
      `POST ${target} HTTP/1.1`,
      `Host: ${host}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...lines,
    ]
    return read(await scene.raw(`${head.join('\r\n')}\r\n\r\n${body}`))
  }
  const withClient = () =>
    openScene({
      files: { client: 'crm secret/+%' },
      servers: `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    audiences: ["https://crm.example"]
    client: { id: crm-client, secret: file:client }
    allow: [anyone]`,
    })
  const right = basic('crm-client', 'crm secret/+%')
  const wrong = basic('crm-client', 'wrong')

  it('refuses two credentials of the caller, and picks neither', async () => {
    const scene = await withClient()
    const body = form(await scene.idp.token())
    const capability = `Sallyport-Capability: ${scene.running.capability('crm')}`
    const pairs = [
      [`Authorization: ${right}`, `authorization: ${wrong}`],
      [`Authorization: ${wrong}`, `authorization: ${right}`],
      [`Authorization: ${right}`, `authorization: ${right}`],
      [capability, capability],
      [capability, `Authorization: ${right}`],
      [capability, `Authorization: ${wrong}`],
    ]
    for (const lines of pairs) expect(await post(scene, lines, body)).toBe('400 token_ambiguous')
    const inBody = `${body}&client_id=crm-client&client_secret=${encodeURIComponent('crm secret/+%')}`
    for (const line of [`Authorization: ${right}`, capability]) {
      expect(await post(scene, [line], inBody)).toBe('400 token_ambiguous')
    }
    expect(await post(scene, [`Authorization: ${right}, ${wrong}`], body)).toBe('401 client_auth_failed')
    expect(await scene.sessions()).toBe(0)
    for (const line of [`Authorization: ${right}`, capability])
      expect(await post(scene, [line], body)).toBe('200')
  })

  it('refuses the subject token twice, in the query, in a cookie or as the bearer', async () => {
    const scene = await withClient()
    const token = await scene.idp.token()
    const line = `Authorization: ${right}`
    for (const twice of [`&subject_token=${token}`, '&subject_token=', '&subject_token_type=x']) {
      expect(await post(scene, [line], form(token) + twice)).toBe('400 request_malformed')
    }
    for (const query of [`?subject_token=${token}`, `?access_token=${token}`, '?x', '?']) {
      expect(await post(scene, [line], form(token), `/oauth2/token${query}`)).toBe('400 request_malformed')
    }
    const cookie = `Cookie: subject_token=${token}; access_token=${token}`
    expect(await post(scene, [line, cookie], form('').replace('&subject_token=', ''))).toBe(
      '400 request_malformed',
    )
    expect(await post(scene, [`Authorization: Bearer ${token}`], form(token))).toBe('401 client_auth_failed')
    expect(await scene.sessions()).toBe(0)
  })

  it('refuses the caller’s secret in the query', async () => {
    const scene = await withClient()
    const query = `?client_id=crm-client&client_secret=${encodeURIComponent('crm secret/+%')}`
    expect(await post(scene, [], form(await scene.idp.token()), `/oauth2/token${query}`)).toBe(
      '400 request_malformed',
    )
  })

  it('refuses a token of 64 KB, one just over the limit, and one that is none', async () => {
    const scene = await withClient()
    const line = `Authorization: ${right}`
    const token = await scene.idp.token()
    const shapes = [
      `a.${'b'.repeat(65_536)}.c`,
      `a.${'b'.repeat(17_000)}.c`,
      await scene.idp.token({ pad: 'x'.repeat(13_000) }),
      `${token},${token}`,
      `${token}%20${token}`,
      `%20${token}`,
      `Bearer+${token}`,
      `${token}.`,
      `.${token}`,
      `${token}.x`,
      `${token}%3D`,
      '..',
      'a.b',
    ]
    for (const shape of shapes) {
      expect([shape.length, await post(scene, [line], form(shape))]).toEqual([
        shape.length,
        expect.stringMatching(/^(400 token_malformed|400 body_too_large|413)/),
      ])
    }
    expect(await scene.sessions()).toBe(0)
    expect(scene.idp.requests).toEqual([])
  })

  it('refuses parts that are no canonical base64url, no UTF-8, or no JSON object', async () => {
    const scene = await withClient()
    const part = (text: string | Buffer) => Buffer.from(text).toString('base64url')
    const head = part('{"alg":"EdDSA","typ":"at+jwt"}')
    const shapes = [
      `${part('[]')}.${part('{}')}.AA`,
      `${part('null')}.${part('{}')}.AA`,
      `${head}.${part('"x"')}.AA`,
      `${head}.${part('{"iss":')}.AA`,
      `${head}.${part(Buffer.from('{"a":"\xff"}', 'latin1'))}.AA`,
      `${head}.${part('\uFEFF{}')}.AA`,
      `${head}.${part('{} {}')}.AA`,
      `${head}.${part('{}')}.AB`,
      `${head}.${part('{}')}.A`,
      `${part('['.repeat(8_000))}.e30.AA`,
    ]
    for (const shape of shapes) {
      expect(await post(scene, [`Authorization: ${right}`], form(shape))).toBe('400 token_malformed')
      expect(await get(scene, [`Authorization: Bearer ${shape}`])).toBe('401 token_malformed')
    }
  })
})
