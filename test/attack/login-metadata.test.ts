import { describe, expect, it } from 'vitest'
import { startOkta } from '../kit/idps/okta.ts'
import { startTrap } from './scene.ts'
import { pageOf, startWorld } from '../signin/world.ts'

async function met(
  metadata: (document: Record<string, unknown>) => Record<string, unknown>,
): Promise<string> {
  const idp = await startOkta()
  idp.knobs.metadata = metadata
  const world = await startWorld({ idp })
  const browser = world.browser()
  const hand = pageOf(await browser.open(world.request(await world.register())))
  const to = hand.links.find(({ classes }) => classes.includes('main'))!.to
  const answer = await fetch(to, { redirect: 'manual' })
  const code = /idp_[a-z_]+/.exec(await answer.text())?.[0] ?? ''
  return `${answer.status} ${code}${answer.headers.get('location') ?? ''}`
}

const refused = '503 idp_metadata_refused'

describe('A25 metadata of the identity provider: nobody is sent where it leads', () => {
  it.each([
    ['another host', 'https://evil.example/oauth2/default'],
    ['a slash at the end', (issuer: string) => `${issuer}/`],
    ['another path', (issuer: string) => `${issuer}/x`],
    ['a number', 1],
    ['nothing', undefined],
  ])('an issuer that is %s', async (_, issuer) => {
    const value = (own: unknown) => (typeof issuer === 'function' ? issuer(String(own)) : issuer)
    expect(await met((document) => ({ ...document, issuer: value(document['issuer']) }))).toBe(refused)
  })

  it.each([
    'javascript:alert(1)//',
    'file:///etc/passwd',
    'data:text/html,x',
    'ftp://evil.example/',
    'http://evil.example/authorize',
    'https://user:pass@evil.example/authorize',
    '//evil.example/authorize',
    '',
  ])('an authorization endpoint that is %s', async (uri) => {
    expect(await met((document) => ({ ...document, authorization_endpoint: uri }))).toBe(refused)
  })

  it('endpoints for tokens and keys in clear http elsewhere, or behind userinfo; nothing is asked there', async () => {
    const trap = await startTrap()
    for (const name of ['token_endpoint', 'jwks_uri'])
      for (const uri of [
        `http://localhost.:${trap.port}/x`,
        `http://x@127.0.0.1:${trap.port}/x`,
        'http://169.254.169.254/x',
        'file:///x',
        '',
      ])
        expect([name, uri, await met((document) => ({ ...document, [name]: uri }))]).toEqual([
          name,
          uri,
          refused,
        ])
    expect(trap.caught).toEqual([])
  })

  it('is no hindrance where it leaves out what is not needed: S256 is used though it is not advertised', async () => {
    const led = await met(
      ({ code_challenge_methods_supported: _, scopes_supported: _scopes, ...document }) => document,
    )
    expect(led).toMatch(/^302 http/)
    expect(new URL(led.slice(4)).searchParams.get('code_challenge_method')).toBe('S256')
  })
})
