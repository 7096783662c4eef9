import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import {
  aLogin,
  aServer,
  basic,
  codeOf,
  crmAuth,
  exchange,
  type Opened,
  opened,
  post,
} from '../identity/opened.ts'

const clock = steppedClock()
let idp: Idp
let at: Opened

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())
beforeEach(() => {
  at = opened({ logins: [aLogin(idp)], clock, servers: [aServer({ acceptSubjectToken: true })] })
})

const parameters = (token: string) =>
  `grant_type=${encodeURIComponent('urn:ietf:params:oauth:grant-type:token-exchange')}&subject_token=${token}` +
  `&subject_token_type=${encodeURIComponent('urn:ietf:params:oauth:token-type:access_token')}`

/** A request with exactly these header lines, doubled ones too. */
const raw = async (lines: readonly string[], body: string): Promise<{ status: number; text: string }> => {
  const app = await at.app()
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const headers = ['host', '127.0.0.1', 'content-length', `${Buffer.byteLength(body)}`, ...lines]
  try {
    return await new Promise((resolve, reject) => {
      const sent = httpRequest(
        { host: '127.0.0.1', port, method: 'POST', path: '/oauth2/token', headers, agent: false },
        (response) => {
          let text = ''
          response.on('data', (part: Buffer) => (text += part.toString()))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  } finally {
    await app.close()
  }
}
const formLine = ['content-type', 'application/x-www-form-urlencoded']

describe('A06 a credential in more than one place, or where none is read', () => {
  it('twice in Authorization: neither is picked', async () => {
    const body = parameters(await idp.token())
    const wrong = basic('crm-client', 'wrong')
    for (const pair of [
      [crmAuth.authorization, wrong],
      [wrong, crmAuth.authorization],
      [crmAuth.authorization, crmAuth.authorization],
    ] as const) {
      const lines = pair.flatMap((value) => ['authorization', value])
      const answer = await raw([...formLine, ...lines], body)
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, 'token_ambiguous'])
    }
    expect((await raw([...formLine, 'authorization', crmAuth.authorization], body)).status).toBe(200)
  })

  it('twice in the capability header', async () => {
    const lines = ['Sallyport-Capability', 'a', 'sallyport-capability', 'b']
    const answer = await raw([...formLine, ...lines], parameters(await idp.token()))
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, 'token_ambiguous'])
  })

  it('a list in Authorization', async () => {
    const token = await idp.token()
    const listed = { authorization: `${crmAuth.authorization}, ${basic('crm-client', 'wrong')}` }
    expect((await exchange(await at.app(), token, {}, listed)).body['error']).toBe('invalid_client')
    const bearer = { authorization: `Bearer ${token}` }
    expect((await exchange(await at.app(), token, {}, bearer)).body['error']).toBe('invalid_client')
  })

  it('the subject token twice, in the query, or in a cookie', async () => {
    const token = await idp.token()
    const face = await at.app()
    const twice = await post(face, '/oauth2/token', `${parameters(token)}&subject_token=${token}`)
    expect([twice.status, twice.body['error']]).toEqual([400, 'invalid_request'])
    for (const query of [`?subject_token=${token}`, `?access_token=${token}`, '?x']) {
      const answer = await post(face, `/oauth2/token${query}`, parameters(token))
      expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_request'])
    }
    const cookie = { ...crmAuth, cookie: `subject_token=${token}; access_token=${token}` }
    const noBody = await post(face, '/oauth2/token', 'grant_type=x', cookie)
    expect(noBody.status).toBe(400)
    expect(at.around.handed).toEqual([])
  })

  it('the client secret in the query', async () => {
    const query = `?client_id=crm-client&client_secret=${encodeURIComponent('crm secret/+%')}`
    const answer = await post(await at.app(), `/oauth2/token${query}`, parameters(await idp.token()), {})
    expect(answer.status).toBe(400)
  })

  it('two bearers in one, with white space, or as another scheme: no token', async () => {
    const token = await idp.token()
    const shapes = [
      `${token}, ${token}`,
      `${token},${token}`,
      `${token} ${token}`,
      ` ${token}`,
      `${token}\n`,
      `Bearer ${token}`,
      `${token}.`,
      `.${token}`,
      `${token}.x`,
      `${token}=`,
      token.replace('.', '..'),
      '',
      '..',
      'a.b',
    ]
    for (const shape of shapes) {
      expect(await codeOf(() => at.identity.identify(shape))).toBe('token_malformed')
      expect(await codeOf(() => at.identity.verifySubject(shape, aServer()))).toBe('token_malformed')
    }
    expect(at.around.fetched).toEqual([])
  })

  it('a token of 64 KB, and one just over the limit', async () => {
    const face = await at.app()
    for (const size of [17_000, 64 * 1024]) {
      const token = `a.${'b'.repeat(size)}.c`
      expect(await codeOf(() => at.identity.identify(token))).toBe('token_malformed')
      const answer = await exchange(face, token)
      expect(answer.status).toBe(400)
      expect(answer.body['code']).toMatch(/^(token_malformed|body_too_large)$/)
    }
    const signed = await idp.token({ pad: 'x'.repeat(13_000) })
    expect(signed.length).toBeGreaterThan(16_384)
    expect(await codeOf(() => at.identity.verifySubject(signed, aServer()))).toBe('token_malformed')
    const nested = '['.repeat(8_000)
    const bomb = `${Buffer.from(nested).toString('base64url')}.e30.AA`
    expect(await codeOf(() => at.identity.identify(bomb))).toBe('token_malformed')
  })

  it('parts that are no canonical base64url, no UTF-8, or no JSON object', async () => {
    const part = (text: string | Buffer) => Buffer.from(text).toString('base64url')
    const head = part('{"alg":"RS256","typ":"at+jwt"}')
    const shapes = [
      `${part('[]')}.${part('{}')}.AA`,
      `${part('null')}.${part('{}')}.AA`,
      `${head}.${part('"x"')}.AA`,
      `${head}.${part('{"iss":')}.AA`,
      `${head}.${part(Buffer.from('{"a":"\xff"}', 'latin1'))}.AA`,
      `${head}.${part('\uFEFF{}')}.AA`,
      `${head}.${part('{}')}.AB`,
      `${head}.${part('{}')}.A`,
      `${head}.${part('{} {}')}.AA`,
    ]
    for (const shape of shapes)
      expect(await codeOf(() => at.identity.identify(shape))).toBe('token_malformed')
  })
})
