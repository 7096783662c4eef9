/** Whoever is cut signs in anew, though the browser is still signed in at the identity provider. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startEntra } from '../kit/idps/entra.ts'
import { startOkta } from '../kit/idps/okta.ts'
import { startInstance } from '../kit/instance.ts'
import { createBrowser, walk } from '../kit/walk.ts'

const leaveAt = 'http://127.0.0.1:9/callback'

it.each([
  ['tells when somebody signed in', startOkta, ''],
  ['does not', startEntra, ', scope: "openid profile"'],
])('asks for the password again where the provider %s', async (_what, start, more) => {
  const idp = await start()
  let subject = ''
  idp.knobs.idToken = (claims) => {
    subject = String(claims['sub'])
    return claims
  }
  const { id, secret } = idp.client
  const running = await startInstance({
    form: 'single',
    front: 'gateway',
    files: { key: 'a passphrase-long key of thirty-two bytes.', secret },
    config: () => `key: file:key
login: { issuer: "${idp.issuer}", client: { id: ${id}, secret: file:secret }, skew: 0s${more} }
server: http://127.0.0.1:9/mcp
allow: [anyone]
tools: { look: { class: read, uses: [] } }
clients: { app: { id: app, redirects: ["${leaveAt}"] } }
`,
  })
  const request = new URL(`${running.instance.config.url}/oauth2/authorize`)
  const challenge = { code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' }
  request.search = new URLSearchParams({
    ...{ client_id: 'app', redirect_uri: leaveAt, response_type: 'code', ...challenge },
  }).toString()
  const browser = createBrowser({ leaveAt })
  const typed = async () => {
    const before = browser.steps.length
    await walk(browser, request, { as: { username: 'alice@acme.example', password: 'alice-password' } })
    const atProvider = browser.steps
      .slice(before)
      .filter(({ url }) => url.origin === new URL(idp.issuer).origin)
    return atProvider.filter(({ method }) => method === 'POST').length
  }
  expect(await typed()).toBe(1)
  expect(await typed()).toBe(0)
  const scope = { kind: 'user', id: subject }
  const order = { scope, hold: false, cause: 'stolen', wait: 'fence' }
  const cut = await running.admin('POST', '/v1/revocations', order)
  expect(cut.status, JSON.stringify(cut.body)).toBe(200)
  // Times are whole seconds: a sign-in of the second of the cut may be older.
  await pause(1_100)
  expect(await typed()).toBe(1)
  expect(await typed()).toBe(0)
})
