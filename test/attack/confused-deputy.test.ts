import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Page, walk } from '../kit/walk.ts'
import { alice, answerOf, bob, callback, pageOf, startWorld, type World } from '../signin/world.ts'

const two = `servers:
  a: { url: "http://127.0.0.1:9/mcp", allow: [anyone] }
  b: { url: "http://127.0.0.1:9/mcp", allow: [anyone] }`
const desk = 'https://desk.acme.example/cb'
const more = `clients: { desk: { id: desk, redirects: ["${desk}"] }, other: { id: other, redirects: ["${desk}"] } }`

async function agreed(): Promise<{
  readonly world: World
  readonly browser: ReturnType<World['browser']>
  readonly a: string
  readonly b: string
}> {
  const world = await startWorld({ servers: two, more })
  const browser = world.browser('https://desk.acme.example/')
  const [a, b] = [`${world.url}/a/mcp`, `${world.url}/b/mcp`]
  await walk(browser, world.request('desk', { redirect_uri: desk, resource: a }), { as: alice })
  return { world, browser, a, b }
}

describe('A20 confused deputy: what a person agreed to for one client', () => {
  it('is worth nothing to another, whatever it calls itself and however often it asks', async () => {
    const { world, browser, a } = await agreed()
    const evil = await world.register({ client_name: 'desk' })
    for (let turn = 0; turn < 3; turn += 1) {
      const page = pageOf(await browser.open(world.request(evil, { resource: a })))
      expect(page.says).toContain('Nobody has verified this app')
      const cookie = browser.jar.header(new URL(world.url), { crossSite: true, method: 'GET' })!
      const silently = world.request(evil, { resource: a, prompt: 'none' })
      const silent = await fetch(silently, { redirect: 'manual', headers: { cookie } })
      const left = new URL(silent.headers.get('location')!).searchParams
      expect([left.get('code'), left.get('error')]).toEqual([null, 'consent_required'])
    }
    expect(
      answerOf(await browser.open(world.request('desk', { redirect_uri: desk, resource: a }))).has('code'),
    ).toBe(true)
  })

  it('is worth nothing to another that somebody vouches for as well', async () => {
    const { world, browser, a } = await agreed()
    const page = pageOf(await browser.open(world.request('other', { redirect_uri: desk, resource: a })))
    expect(page.says).toContain('Let other use a?')
  })

  it('is for one server, and for one person', async () => {
    const { world, browser, b, a } = await agreed()
    const other = pageOf(await browser.open(world.request('desk', { redirect_uri: desk, resource: b })))
    expect(other.says).toContain('Let desk use b?')
    const bobs = world.browser('https://desk.acme.example/')
    const pages: string[] = []
    await walk(bobs, world.request('desk', { redirect_uri: desk, resource: a }), {
      as: bob,
      press: (page) => void pages.push(page.says),
    })
    expect(pages.at(-1)).toContain('Let desk use a?')
  })
})

describe('A20 confused deputy: the question', () => {
  const asked = async () => {
    const world = await startWorld()
    const browser = world.browser()
    await world.visit(browser, alice)
    const client = await world.register()
    const page = pageOf(await browser.open(world.request(client)))
    return { world, browser, page, client }
  }
  const send = async (
    world: World,
    page: Page,
    headers: Record<string, string>,
    fields: Record<string, string> = {},
  ) => {
    const hidden = Object.fromEntries(page.forms[0]!.fields.map(({ name, value }) => [name, value]))
    const answer = await fetch(`${world.url}/oauth2/consent`, {
      method: 'POST',
      redirect: 'manual',
      headers,
      body: new URLSearchParams({ ...hidden, answer: 'allow', ...fields }),
    })
    return `${answer.status} ${/[a-z]+_refused/.exec(await answer.text())?.[0] ?? ''} ${answer.headers.get('location') ?? ''}`.trim()
  }
  const cookieOf = (world: World, browser: ReturnType<World['browser']>) =>
    browser.jar.header(new URL(world.url), { crossSite: false, method: 'POST' })!

  it('is in no frame, in no cache, and runs nothing', async () => {
    const { page } = await asked()
    const policy = page.headers.get('content-security-policy')!
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('script-src')
    expect(page.headers.get('cache-control')).toBe('no-store')
  })

  it('is answered by a page of our own alone', async () => {
    const { world, browser, page } = await asked()
    const cookie = cookieOf(world, browser)
    for (const origin of ['https://evil.example', 'null', `${world.url}.evil.example`, 'http://127.0.0.1:1'])
      expect([origin, await send(world, page, { cookie, origin })]).toEqual([origin, '403 origin_refused'])
    expect(await send(world, page, { cookie })).toBe('403 origin_refused')
    expect(await send(world, page, { cookie, origin: world.url })).toContain(`303  ${callback}?code=`)
  })

  it('is answered in the browser that was asked: a form that an attacker was given is none of another person', async () => {
    const { world, page } = await asked()
    const bobs = world.browser()
    await world.visit(bobs, bob)
    for (const cookie of [cookieOf(world, bobs), 'sallyport=x', ''])
      expect(await send(world, page, { cookie, origin: world.url })).toBe('403 form_refused')
  })

  it('is answered as it was asked: a hidden value that was made up or is of another form is refused', async () => {
    const { world, browser, page } = await asked()
    const cookie = cookieOf(world, browser)
    const { value } = page.forms[0]!.fields[0]!
    const visitor = browser.jar.all.find(({ name }) => name === 'sallyport')!.value
    for (const request of ['', 'x', visitor, `${value.slice(0, -2)}AA`, new URL(page.url).search.slice(1)])
      expect(await send(world, page, { cookie, origin: world.url }, { request })).toBe('403 form_refused')
  })

  it('is too old after ten minutes', async () => {
    const { world, browser, page } = await asked()
    const now = Date.now()
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 601_000)
    onTestFinished(() => clock.mockRestore())
    expect(await send(world, page, { cookie: cookieOf(world, browser), origin: world.url })).toBe(
      '403 form_refused',
    )
  })

  it('is asked of nobody by HEAD, and no answer comes of a GET', async () => {
    const { world, browser, page } = await asked()
    const cookie = cookieOf(world, browser)
    expect((await fetch(page.url, { method: 'HEAD', headers: { cookie } })).status).toBe(404)
    expect((await fetch(`${world.url}/oauth2/consent?answer=allow`, { headers: { cookie } })).status).toBe(
      404,
    )
  })
})

describe('A20 confused deputy: the cookies', () => {
  it('are the host’s alone behind https, and no script reads them', async () => {
    const world = await startWorld({ url: 'https://mcp.example' })
    const { request } = await import('node:http')
    const at = new URL(world.url)
    const cookies = await new Promise<string[]>((resolve, reject) => {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
        redirect_uri: 'https://claude.ai/api/mcp/auth_callback',
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
      })
      request(
        {
          host: at.hostname,
          port: at.port,
          path: `/oauth2/authorize?${query.toString()}`,
          headers: { host: 'mcp.example' },
        },
        (response) => {
          response.resume()
          resolve(response.headers['set-cookie'] ?? [])
        },
      )
        .on('error', reject)
        .end()
    })
    expect(cookies).toHaveLength(1)
    expect(cookies[0]).toMatch(/^__Host-sallyport-login-[\w-]{8}=sallyport\.1\./)
    for (const attribute of ['Path=/', 'HttpOnly', 'SameSite=Lax', 'Secure'])
      expect(cookies[0]).toContain(`; ${attribute}`)
    expect(cookies[0]).not.toContain('Domain')
  })
})
