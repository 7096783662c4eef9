import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startInstance } from '../kit/instance.ts'
import { createBrowser, type Browser, walk } from '../kit/walk.ts'
import { alice, bob, callback, challenge, pageOf, postJson, startWorld, type World } from '../signin/world.ts'

/** A browser that has been to the IdP and stands before our callback, with the address that it was sent to. */
async function before(world: World, as = alice): Promise<{ readonly browser: Browser; readonly at: URL }> {
  const at = new URL(`${world.url}/login/callback`)
  const browser = createBrowser({ leaveAt: at.href })
  const left = await walk(browser, world.request(await world.register()), { as })
  return { browser, at: left }
}

async function finish(world: World, browser: Browser | undefined, at: URL): Promise<string> {
  const cookie = browser?.jar.header(new URL(world.url), { crossSite: true, method: 'GET' })
  const answer = await fetch(at, {
    redirect: 'manual',
    ...(cookie === undefined ? {} : { headers: { cookie } }),
  })
  const code = /login_[a-z_]+|request_malformed/.exec(await answer.text())?.[0]
  const set = answer.headers
    .getSetCookie()
    .filter((it) => it.startsWith('sallyport=') && !it.includes('Max-Age=0'))
  return `${answer.status} ${code ?? answer.headers.get('location')}, ${set.length} signed in`
}

const refused = '400 login_state_refused, 0 signed in'
const signIns = (world: World) => world.record().filter(({ kind }) => kind === 'sign-in').length

describe('A22 the state of a login', () => {
  it('that is missing, empty, made up, another’s or twice is refused, and no code is taken to the IdP', async () => {
    const world = await startWorld()
    const { browser, at } = await before(world)
    const other = await before(world, bob)
    const state = at.searchParams.get('state')!
    const changed = (change: (to: URLSearchParams) => void) => {
      const to = new URL(at)
      change(to.searchParams)
      return to
    }
    for (const to of [
      changed((it) => it.delete('state')),
      changed((it) => it.set('state', '')),
      changed((it) => it.set('state', `${state.slice(0, 8)}${'A'.repeat(state.length - 8)}`)),
      changed((it) => it.set('state', `${state}x`)),
      changed((it) => it.set('state', other.at.searchParams.get('state')!)),
    ])
      expect(await finish(world, browser, to)).toBe(refused)
    const tokens = world.idp.asked.filter(({ endpoint }) => endpoint === 'token')
    expect([tokens.length, signIns(world)]).toEqual([0, 0])
    expect(await finish(world, browser, at)).toContain('303')
  })

  it('is of the browser that began: in any other it is refused, be that nobody’s or another person’s', async () => {
    const world = await startWorld()
    const { at } = await before(world)
    const bobs = world.browser()
    await world.visit(bobs, bob)
    expect(await finish(world, undefined, at)).toBe(refused)
    expect(await finish(world, bobs, at)).toBe(refused)
    expect(pageOf(await bobs.open(world.request(await world.register()))).says).toContain('Bob Baker')
  })

  it('is good once, though the browser shows its cookie again and the IdP takes the code again', async () => {
    const world = await startWorld()
    const { browser, at } = await before(world)
    const cookie = browser.jar.header(new URL(world.url), { crossSite: true, method: 'GET' })!
    const first = await fetch(at, { redirect: 'manual', headers: { cookie } })
    expect([
      first.status,
      first.headers.getSetCookie().some((it) => /^sallyport-login-\S+=; .*Max-Age=0/.test(it)),
    ]).toEqual([303, true])
    const again = await fetch(at, { redirect: 'manual', headers: { cookie } })
    expect(again.status).toBeGreaterThanOrEqual(400)
    expect(signIns(world)).toBe(1)
  })

  it('is good once where no IdP would refuse the second time', async () => {
    const running = await startInstance({
      form: 'dev',
      front: 'gateway',
      config: () => 'server: http://127.0.0.1:9/mcp\nallow: [anyone]\n',
    })
    const url = running.faces.gateway!.url
    const registered = await postJson(`${url}/oauth2/register`, { redirect_uris: [callback] })
    const request = new URL(`${url}/oauth2/authorize`)
    request.search = new URLSearchParams({
      response_type: 'code',
      client_id: String(registered.body['client_id']),
      redirect_uri: callback,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    }).toString()
    const browser = createBrowser({ leaveAt: callback })
    const page = pageOf(await browser.open(request))
    const cookie = browser.jar.header(new URL(url), { crossSite: false, method: 'POST' })!
    const [form] = page.forms
    const body = new URLSearchParams(Object.fromEntries(form!.fields.map(({ name, value }) => [name, value])))
    body.set('user', 'alice')
    const answers: number[] = []
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await fetch(form!.action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie, origin: url },
        body,
      })
      answers.push(answer.status)
    }
    expect(answers).toEqual([303, 400])
  })

  it('ends after ten minutes', async () => {
    const world = await startWorld()
    const { browser, at } = await before(world)
    const now = Date.now()
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 601_000)
    onTestFinished(() => clock.mockRestore())
    expect(await finish(world, browser, at)).toBe(refused)
  })

  it('stands in a cookie that nobody can make or alter', async () => {
    const world = await startWorld()
    const { browser, at } = await before(world)
    const cookie = browser.jar.all.find(({ name }) => name.startsWith('sallyport-login-'))!
    const visitor = world.browser()
    await world.visit(visitor, bob)
    const sealedForOthers = visitor.jar.all.find(({ name }) => name === 'sallyport')!.value
    for (const value of [
      `${cookie.value.slice(0, -3)}AAA`,
      sealedForOthers,
      'sallyport.1.',
      'e30',
      `${cookie.value}; ${cookie.name}=x`,
    ]) {
      const answer = await fetch(at, { redirect: 'manual', headers: { cookie: `${cookie.name}=${value}` } })
      expect([value.slice(0, 20), answer.status]).toEqual([value.slice(0, 20), 400])
    }
  })

  it('is begun by whoever comes without anything that is kept', async () => {
    const world = await startWorld()
    const client = await world.register()
    const path = new URL(pageOf(await world.browser().open(world.request(client))).links[0]!.to)
    const put = vi.spyOn(world.running.instance.state.tickets, 'put')
    for (let turn = 0; turn < 20; turn += 1)
      expect((await fetch(path, { redirect: 'manual' })).status).toBe(302)
    expect(put).not.toHaveBeenCalled()
  })
})
