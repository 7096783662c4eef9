import { describe, expect, it } from 'vitest'
import { startOkta } from '../kit/idps/okta.ts'
import { type Browser, createBrowser, walk } from '../kit/walk.ts'
import { alice, pageOf, startWorld, type World, type WorldOptions } from '../signin/world.ts'

/** What the IdP sends back is changed on the way; the answer is the page that the person then sees. */
async function answered(
  change: (answer: Record<string, string>, issuer: string) => Record<string, string>,
  { advertised, ...options }: WorldOptions & { readonly advertised: boolean },
): Promise<{ readonly world: World; readonly browser: Browser; readonly says: string }> {
  const idp = await startOkta()
  if (advertised)
    idp.knobs.metadata = (document) => ({ ...document, authorization_response_iss_parameter_supported: true })
  idp.knobs.callback = (answer) => change(answer, idp.issuer)
  const world = await startWorld({ idp, ...options })
  const browser = world.browser()
  const ended = await walk(browser, world.request(await world.register()), { as: alice }).then(
    ({ search }) => search,
    // What the page said, without its address.
    (error: unknown) => String(error).replace(/^Error: \S+/, ''),
  )
  return { world, browser, says: ended }
}

const nobody = async ({ world, browser, says }: Awaited<ReturnType<typeof answered>>) => {
  expect(says).toContain('login_state_refused')
  // No code is taken anywhere.
  expect(world.idp.asked.some(({ endpoint }) => endpoint === 'token')).toBe(false)
  expect(pageOf(await browser.open(world.request(await world.register()))).says).toContain(
    'Sign in to use main',
  )
  expect(world.record().some(({ kind }) => kind === 'sign-in')).toBe(false)
}

describe('A24 mix-up: an answer that comes from another issuer', () => {
  it.each([
    ['another host', () => 'https://evil.example/oauth2/default'],
    ['a slash at the end', (issuer: string) => `${issuer}/`],
    ['another path', (issuer: string) => `${issuer}2`],
    ['other case', (issuer: string) => issuer.toUpperCase()],
    ['nothing', () => ''],
  ])('%s: no code is sent anywhere', async (_, other) => {
    for (const advertised of [true, false])
      await nobody(await answered((answer, issuer) => ({ ...answer, iss: other(issuer) }), { advertised }))
  })

  it('is the same where the IdP says that it names itself, and the answer does not', async () => {
    await nobody(await answered((answer) => answer, { advertised: true }))
  })

  it('is taken where it names the issuer, and without a name where none was promised', async () => {
    const named = await answered((answer, issuer) => ({ ...answer, iss: issuer }), { advertised: true })
    expect(named.says).toContain('code=')
    const unnamed = await answered((answer) => answer, { advertised: false })
    expect(unnamed.says).toContain('code=')
  })

  it('shows no word of an error: neither a foreign one’s nor the IdP’s own', async () => {
    const text = 'Call 0800 555 and say your password'
    const error = { error: 'access_denied', error_description: text, error_uri: 'https://evil.example' }
    const foreign = await answered(({ state = '' }) => ({ ...error, state, iss: 'https://evil.example' }), {
      advertised: false,
    })
    expect([foreign.says.includes('0800'), foreign.says.includes('login_state_refused')]).toEqual([
      false,
      true,
    ])
    const own = await answered(({ state = '' }, iss) => ({ ...error, state, iss }), { advertised: true })
    expect([own.says.includes('0800'), own.says.includes('evil'), own.says.includes('login_failed')]).toEqual(
      [false, false, true],
    )
    expect(own.world.log.join('')).not.toContain('0800')
  })

  it('between two IdPs: the code of one is not taken to the other', async () => {
    const [one, two] = [await startOkta(), await startOkta()]
    const first = await startWorld({ idp: one })
    const second = await startWorld({ idp: two })
    const browser = createBrowser({ leaveAt: `${first.url}/login/callback` })
    const left = await walk(browser, first.request(await first.register()), { as: alice })
    const cookie = browser.jar.header(new URL(first.url), { crossSite: true, method: 'GET' })!
    const answer = await fetch(`${second.url}/login/callback${left.search}`, {
      redirect: 'manual',
      headers: { cookie },
    })
    expect(answer.status).toBe(400)
    expect([one, two].flatMap(({ asked }) => asked).some(({ endpoint }) => endpoint === 'token')).toBe(false)
  })
})
