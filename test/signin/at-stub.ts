/** A sallyport whose people sign in at a stub provider, and one client that is registered there. */
import type { StubIdp } from '../kit/idps/provider.ts'
import { type Running, startInstance } from '../kit/instance.ts'
import { type Browser, createBrowser, walk } from '../kit/walk.ts'

/** Nobody listens there: the browser stops before it. */
const callback = 'http://127.0.0.1:9/callback'

export interface AtStub {
  readonly running: Running
  readonly browser: Browser
  /** The client's request, through whatever pages there are, to its answer. */
  authorize(username?: string): Promise<URL>
}

export async function startAtStub(
  idp: StubIdp,
  { scope, allow = 'anyone' }: { readonly scope?: string; readonly allow?: string } = {},
): Promise<AtStub> {
  const { id, secret } = idp.client
  const running = await startInstance({
    form: 'single',
    front: 'gateway',
    files: { key: 'a passphrase-long key of thirty-two bytes.', secret },
    config: () => `key: file:key
login:
  issuer: "${idp.issuer}"
  client: { id: ${id}, secret: file:secret }
  skew: 0s${scope === undefined ? '' : `\n  scope: "${scope}"`}
server: http://127.0.0.1:9/mcp
allow: ["${allow}"]
tools: { look: { class: read, uses: [] } }
clients: { app: { id: app, redirects: ["${callback}"] } }
`,
  })
  const request = new URL(`${running.instance.config.url}/oauth2/authorize`)
  request.search = new URLSearchParams({
    ...{ client_id: 'app', redirect_uri: callback, response_type: 'code' },
    ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
  }).toString()
  const browser = createBrowser({ leaveAt: callback })
  return {
    running,
    browser,
    authorize: (username = 'alice@acme.example') =>
      walk(browser, request, { as: { username, password: idp.people[username]!.password } }),
  }
}
