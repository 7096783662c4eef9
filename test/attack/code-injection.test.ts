import { describe, expect, it } from 'vitest'
import { type Browser, createBrowser, walk } from '../kit/walk.ts'
import { alice, bob, pageOf, startWorld, type World } from '../signin/world.ts'

async function atCallback(
  world: World,
  as: typeof alice,
): Promise<{ readonly browser: Browser; readonly at: URL }> {
  const browser = createBrowser({ leaveAt: `${world.url}/login/callback` })
  return { browser, at: await walk(browser, world.request(await world.register()), { as }) }
}

const finish = async (world: World, browser: Browser, at: URL) => {
  const cookie = browser.jar.header(new URL(world.url), { crossSite: true, method: 'GET' })!
  const answer = await fetch(at, { redirect: 'manual', headers: { cookie } })
  return {
    status: answer.status,
    code: /login_[a-z_]+/.exec(await answer.text())?.[0],
    cookies: answer.headers.getSetCookie(),
  }
}

describe('A27 code injection: the code of another’s login at our callback', () => {
  it('in a flow of the victim’s own: the verifier is not that of the code, and nobody is signed in', async () => {
    const world = await startWorld()
    const attacker = await atCallback(world, bob)
    const victim = await atCallback(world, alice)
    const injected = new URL(victim.at)
    injected.searchParams.set('code', attacker.at.searchParams.get('code')!)
    const { status, code, cookies } = await finish(world, victim.browser, injected)
    expect([status, code]).toEqual([502, 'login_answer_refused'])
    expect(cookies.filter((it) => it.startsWith('sallyport='))).toEqual([])
    expect(world.record().some(({ kind }) => kind === 'sign-in')).toBe(false)
  })

  it('with the nonce of another flow, from an IdP that does not look at PKCE', async () => {
    const world = await startWorld()
    const others: unknown[] = []
    world.idp.knobs.idToken = (claims) => {
      others.push(claims['nonce'])
      return { ...claims, nonce: others[0] }
    }
    const first = await atCallback(world, bob)
    expect((await finish(world, first.browser, first.at)).status).toBe(303)
    const second = await atCallback(world, alice)
    expect(await finish(world, second.browser, second.at)).toMatchObject({
      status: 502,
      code: 'login_answer_refused',
    })
  })

  it.each<[string, (claims: Record<string, unknown>) => Record<string, unknown>]>([
    ['another client’s', (claims) => ({ ...claims, aud: 'somebody-else' })],
    [
      'another client’s besides, without saying whose',
      (claims) => ({ ...claims, aud: [claims['aud'], 'somebody-else'] }),
    ],
    ['made for another client', (claims) => ({ ...claims, azp: 'somebody-else' })],
    ['another issuer’s', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['over', (claims) => ({ ...claims, exp: 1 })],
    ['without a nonce', ({ nonce: _, ...claims }) => claims],
    ['nobody’s', ({ sub: _, ...claims }) => claims],
    ['of a subject that is none', (claims) => ({ ...claims, sub: 'alice\u0000' })],
  ])('an ID token that is %s', async (_, change) => {
    const world = await startWorld()
    world.idp.knobs.idToken = change
    const { browser, at } = await atCallback(world, alice)
    const { status, cookies } = await finish(world, browser, at)
    expect([status, cookies.filter((it) => it.startsWith('sallyport='))]).toEqual([502, []])
    expect(pageOf(await world.browser().open(world.request(await world.register()))).says).toContain(
      'Sign in to use main',
    )
  })

  it('of another tenant is refused by the claim that is configured', async () => {
    const world = await startWorld({ login: 'tenant: { claim: tid, value: acme }' })
    world.idp.knobs.idToken = (claims) => ({ ...claims, tid: 'evil' })
    const { browser, at } = await atCallback(world, alice)
    expect((await finish(world, browser, at)).status).toBe(401)
  })

  it('with an algorithm that is not configured', async () => {
    const world = await startWorld({ login: 'algorithms: [ES512]' })
    const { browser, at } = await atCallback(world, alice)
    expect(await finish(world, browser, at)).toMatchObject({ status: 502, code: 'login_answer_refused' })
  })
})
