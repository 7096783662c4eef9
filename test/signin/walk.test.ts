/** The browser without a screen breaks where a real one does: else the tests of sign-in would go where no person can. */
import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { startUpstream } from '../kit/upstream.ts'
import { createBrowser, type Page, walk } from '../kit/walk.ts'

const as = { username: 'alice', password: 'secret' }
const leaveAt = 'http://127.0.0.1:9/'
const loginForm =
  '<form method="post" action="/in"><input name="user"><input type="password" name="word"><button>In</button></form>'

/** A site of pages by their paths. */
async function site(
  pages: Record<
    string,
    { readonly html?: string; readonly headers?: Record<string, string>; readonly status?: number }
  >,
) {
  return startUpstream((request: IncomingMessage, response) => {
    const {
      html = '',
      headers = {},
      status = 200,
    } = pages[new URL(request.url!, 'http://x').pathname] ?? { status: 404 }
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(html)
  })
}

const to = (location: string) => ({ status: 302, headers: { location } })

describe('the browser without a screen', () => {
  it('types, follows links and redirects, and stops where it leaves', async () => {
    const { url, seen } = await site({
      '/': { html: '<a class="main" href="/login?a=1&amp;b=2">Continue</a>' },
      '/login': { html: loginForm },
      '/in': to(`${leaveAt}callback?code=1`),
    })
    const left = await walk(createBrowser({ leaveAt }), url, { as })
    expect(left.href).toBe(`${leaveAt}callback?code=1`)
    expect(seen.map(({ path }) => path)).toEqual(['/', '/login?a=1&b=2', '/in'])
    expect(seen[2]!.headers).toMatchObject({ origin: url, 'sec-fetch-site': 'same-origin' })
  })

  it('is held to form-action in every redirect that follows the form', async () => {
    const policy = { 'content-security-policy': "default-src 'none'; form-action 'self'" }
    const { url } = await site({ '/': { html: loginForm, headers: policy }, '/in': to(`${leaveAt}callback`) })
    await expect(walk(createBrowser({ leaveAt }), url, { as })).rejects.toThrow('form-action')
  })

  it('says null for its origin where the page gives no referrer', async () => {
    const headers = { 'referrer-policy': 'no-referrer' }
    const { url, seen } = await site({ '/': { html: loginForm, headers }, '/in': to(leaveAt) })
    await walk(createBrowser({ leaveAt }), url, { as })
    expect(seen[1]!.headers.origin).toBe('null')
  })

  it('shows a strict cookie to its own site only, and a lax one when it comes from elsewhere', async () => {
    const there = await site({ '/back': { html: 'here' } })
    const cookies = await startUpstream((_request, response) => {
      response.setHeader('set-cookie', ['strict=1; SameSite=Strict', 'lax=1', 'old=1; Max-Age=0'])
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<a href="/x">x</a>`)
    })
    const browser = createBrowser({ leaveAt })
    const first = (await browser.open(cookies.url)) as Page
    await browser.follow(first, first.links[0]!)
    await browser.open(cookies.url)
    await browser.open(`${there.url}/back`)
    const sent = cookies.seen.map(({ headers }) => headers.cookie)
    expect(sent).toEqual([undefined, 'strict=1; lax=1', 'lax=1'])
    // By host and not by port, as browsers do.
    expect(there.seen[0]!.headers.cookie).toBe('lax=1')
  })

  it.each([
    ['__Host-x=1; Path=/; Secure', 'prefix'],
    ['x=1; SameSite=None', 'without Secure'],
    ['x=1; Domain=127.0.0.1', 'whole domain'],
  ])('fails on a cookie that a real one drops: %s', async (cookie, why) => {
    const { url } = await site({ '/': { headers: { 'set-cookie': cookie } } })
    await expect(createBrowser({ leaveAt }).open(url)).rejects.toThrow(why)
  })

  it('tells what a page says that does not lead on, and does not try a password twice', async () => {
    const { url } = await site({ '/': { status: 403, html: '<h1>Not &#x66;or you</h1><script>1</script>' } })
    await expect(walk(createBrowser({ leaveAt }), url, { as })).rejects.toThrow(/403: Not for you$/)
    const wrong = await site({ '/': { html: loginForm }, '/in': { html: `<p>Wrong</p>${loginForm}` } })
    await expect(walk(createBrowser({ leaveAt }), wrong.url, { as })).rejects.toThrow(
      'does not let alice in: Wrong',
    )
    const circle = await site({ '/': to('/') })
    await expect(walk(createBrowser({ leaveAt }), circle.url, { as })).rejects.toThrow('redirected 25 times')
  })
})
