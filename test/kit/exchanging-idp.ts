/** A company's identity provider with an RFC 8693 token endpoint, whose answers a test may delay, count and change. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CompactSign, decodeJwt, exportJWK, generateKeyPair } from 'jose'
import { onTestFinished } from 'vitest'

export interface ExchangingIdp {
  readonly issuer: string
  /** Forms of the exchanges asked for, in order. */
  readonly exchanges: URLSearchParams[]
  /** Every token made by exchange, in order. */
  readonly made: string[]
  /** Comes before each answer of the token endpoint. */
  before: (form: URLSearchParams) => Promise<void>
  /** Changes an answer of the token endpoint: `undefined` refuses with `invalid_grant`. */
  answer: (body: Record<string, unknown>, form: URLSearchParams) => Record<string, unknown> | undefined
  /** A token of a sign-in, as the person's MCP client has it. */
  subject(claims: Record<string, unknown>): Promise<string>
}

export async function startExchangingIdp(): Promise<ExchangingIdp> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'EdDSA', use: 'sig' }
  let jti = 0
  const sign = (claims: Record<string, unknown>) => {
    const now = Math.floor(Date.now() / 1000)
    jti += 1
    const payload = { iss: it.issuer, iat: now, exp: now + 300, jti: `j${jti}`, ...claims }
    return new CompactSign(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ alg: 'EdDSA', kid: 'k', typ: 'at+jwt' })
      .sign(privateKey)
  }
  const exchange = async (form: URLSearchParams) => {
    it.exchanges.push(form)
    await it.before(form)
    const subject = decodeJwt(form.get('subject_token') ?? '')
    const scope = form.get('scope') ?? ''
    const access_token = await sign({
      sub: subject.sub,
      aud: form.get('audience') ?? form.get('resource'),
      scope,
      from: subject.jti,
      client: subject['client_id'],
    })
    it.made.push(access_token)
    const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token'
    return it.answer({ access_token, issued_token_type, token_type: 'Bearer', expires_in: 300, scope }, form)
  }
  const server = createServer((request, response) => {
    const send = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.url === '/jwks') return void send(200, { keys: [jwk] })
    if (request.url !== '/token') {
      const { issuer } = it
      return void send(200, { issuer, jwks_uri: `${issuer}/jwks`, token_endpoint: `${issuer}/token` })
    }
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    request.on('end', () => {
      exchange(new URLSearchParams(text)).then(
        (body) => (body === undefined ? send(400, { error: 'invalid_grant' }) : send(200, body)),
        () => response.destroy(),
      )
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const it: ExchangingIdp = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges: [],
    made: [],
    before: () => Promise.resolve(),
    answer: (body) => body,
    subject: sign,
  }
  return it
}
