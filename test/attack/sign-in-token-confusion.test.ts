import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { letIn, robotSecret, type SignedIn, startSignedIn } from './signed-in.ts'

const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const robot = { authorization: `Basic ${btoa(`robot:${robotSecret}`)}` }

const exchanged = async ({ post, url }: SignedIn, token: string): Promise<string> => {
  const form = {
    ...{ grant_type: exchange, subject_token: token, subject_token_type: accessTokenType },
    resource: `${url}/crm/mcp`,
  }
  const { status, body } = await post('/oauth2/token', form, robot)
  return `${status} ${body['code'] ?? ''}`.trim()
}

/** A token like ours in every claim, by a key of the attacker's. */
async function forged(token: string, header: Record<string, unknown> = {}): Promise<string> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
  const jwk = await exportJWK(publicKey)
  return new SignJWT(decodeJwt(token))
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', ...header, jwk })
    .sign(privateKey)
}

describe('A03 typ confusion: a token of one door at another', () => {
  it('opens its own door alone: a client’s access token the gateway of its server', async () => {
    const scene = await startSignedIn()
    const token = scene.tokens['access_token']!
    expect(await scene.atGateway(token)).toBe(letIn)
    expect({
      'another server': await scene.atGateway(token, 'erp'),
      'the egress': await scene.atEgress(token),
      'a session': await scene.asSubject(token),
      'an exchange for another of ours': await exchanged(scene, token),
    }).toEqual({
      'another server': '401 token_audience_refused',
      'the egress': '400 token_is_session',
      'a session': '400 token_is_session',
      'an exchange for another of ours': '400 token_is_session',
    })
    expect(scene.api.seen).toEqual([])
  })

  it('opens nothing with what is no access token: codes, refresh tokens, tokens of the egress', async () => {
    const scene = await startSignedIn()
    const call = await scene.sessionToken()
    const answers: Record<string, string> = {}
    for (const [what, token] of [
      ['a code', scene.code],
      ['a refresh token', scene.tokens['refresh_token']!],
    ] as const) {
      answers[`${what} at the gateway`] = await scene.atGateway(token)
      answers[`${what} at the egress`] = await scene.atEgress(token)
      answers[`${what} as subject`] = await exchanged(scene, token)
    }
    answers['a call token at the gateway'] = await scene.atGateway(call)
    answers['a call token as subject'] = await exchanged(scene, call)
    expect(answers).toEqual({
      'a code at the gateway': '401 token_malformed',
      'a code at the egress': '401 token_malformed',
      'a code as subject': '400 token_malformed',
      'a refresh token at the gateway': '401 token_malformed',
      'a refresh token at the egress': '401 token_malformed',
      'a refresh token as subject': '400 token_malformed',
      'a call token at the gateway': '401 token_issuer_unknown',
      'a call token as subject': '400 token_is_session',
    })
    expect(scene.api.seen).toEqual([])
  })

  it('is not opened by one that only looks like ours', async () => {
    const scene = await startSignedIn()
    const token = scene.tokens['access_token']!
    const [head = '', body = '', signature = ''] = token.split('.')
    const told = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>
    const withHeader = (more: object) =>
      `${Buffer.from(JSON.stringify({ ...told, ...more })).toString('base64url')}.${body}.${signature}`
    const changed = (more: object) => {
      const claims = { ...decodeJwt(token), ...more }
      return `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
    }
    const tries = {
      'a key of its own': await forged(token, { kid: told['kid'] }),
      'a key in its header': await forged(token),
      'no algorithm': withHeader({ alg: 'none' }),
      'another algorithm': withHeader({ alg: 'HS256' }),
      'another type': withHeader({ typ: 'JWT' }),
      'no type': withHeader({ typ: undefined }),
      'another key': withHeader({ kid: 'x' }),
      'another audience': changed({ aud: `${scene.url}/erp/mcp` }),
      'a later end': changed({ exp: 4_000_000_000 }),
      'another person': changed({ sub: 'bob' }),
    }
    const answers = await Promise.all(
      Object.entries(tries).map(async ([what, it]) => [what, await scene.atGateway(it)] as const),
    )
    for (const [what, answer] of answers) expect(answer, what).toMatch(/^401 token_/)
  })
})
