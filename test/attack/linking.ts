/** A downstream whose accounts are linked at an authorization server of the test's, and what happened there. */
import { expect } from 'vitest'
import { page, startWorld, through, type World } from '../accounts/world.ts'
import { oauthClient, type OAuthServer, startOAuth } from '../kit/providers/oauth.ts'
import type { Browser, Page } from '../kit/walk.ts'

export interface Linking extends World {
  readonly as: OAuthServer
}

export async function startLinking(options: Parameters<typeof startOAuth>[0] = {}): Promise<Linking> {
  const as = await startOAuth(options)
  as.metadata = { scopes_supported: ['openid'] }
  const it = await startWorld({
    files: { secret: oauthClient.secret },
    downstreams: `  mine:
    url: "${as.url}/api"
    oauth: { issuer: "${as.issuer}", client: { id: ${oauthClient.id}, secret: file:secret }, scope: [things.read] }
    operations: [{ op: "GET /user", class: read }]`,
  })
  return { ...it, as }
}

/** Signs in and goes as far as the page on which the person agrees. */
export async function asked(browser: Browser, url: string, as: string): Promise<Page> {
  const at = await through(browser, url, {
    as,
    press: ({ url: { pathname } }) => (pathname.startsWith('/connect/') ? 'stop' : undefined),
  })
  expect(at.url.pathname).toBe('/connect/mine')
  return at
}

/** Agrees with us and with the provider, and stops before the browser takes the answer back: where it would have gone. */
export async function answerOf(it: Linking, browser: Browser, url: string, as: string): Promise<URL> {
  let back: URL | undefined
  const at = await asked(browser, url, as)
  const [form] = at.forms
  const there = page(await browser.submit(at, form!, { button: form!.buttons[0]! }))
  it.as.twist = (parameters) => {
    back = new URL(`${it.url}/connect/callback?${parameters.toString()}`)
    parameters.set('state', 'nothing')
  }
  await browser.submit(there, there.forms[0]!, { button: there.forms[0]!.buttons[0]! })
  it.as.twist = undefined
  return back!
}

/** What is kept of a person: active connections, and what they agreed to. */
export async function keptOf(it: Linking, subject: string): Promise<number> {
  const { connections, consents } = it.running.instance.state
  const own = (row: { principal: { subject: string } }) => row.principal.subject === subject
  const rows = (await connections.list('dev', undefined)).filter(
    ({ place, status }) => own(place) && status !== 'destroyed',
  )
  const agreed = (await consents.list('dev', undefined)).filter(
    (row) => own(row) && row.downstream !== undefined,
  )
  return rows.length + agreed.length
}
