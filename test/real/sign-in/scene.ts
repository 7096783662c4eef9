/** A sallyport that people sign in at through their company's identity provider, with an MCP server behind it. */
import { decodeJwt } from 'jose'
import { expect, onTestFinished, type TestContext } from 'vitest'
import { type Running, startInstance } from '../../kit/instance.ts'
import { parts } from '../../kit/parts.ts'
import { type ClientVersion, signIn, type SignedIn, type SignInOptions } from '../../kit/sdk-clients.ts'
import { startResourceServer, startUpstream as startApi } from '../../kit/upstream.ts'
import { type Browser, createBrowser, type Person, walk, type WalkOptions } from '../../kit/walk.ts'
import { answerTo, honest, type Reached, startUpstream, type Upstream } from '../../mcp/upstream.ts'
import type { StubClient } from '../../kit/idps/provider.ts'
import { type Company, type CompanyName, startCompany } from './companies.ts'

export interface Scene {
  readonly company: Company
  readonly running: Running
  /** Issuer of the authorization server. */
  readonly url: string
  /** What a user types into a client. */
  readonly endpoint: string
  readonly server: Upstream
  /** The SDK's client, with a browser of its own where none is given. */
  signIn(version: ClientVersion, more?: SignInMore): Promise<SignedIn>
}

export interface SignInMore
  extends Partial<Pick<SignInOptions, 'registered' | 'redirect' | 'url' | 'fetch'>> {
  readonly as?: Person
  readonly browser?: Browser
  readonly press?: WalkOptions['press']
}

/** Nobody listens there: the browser stops before it. */
export const redirect = 'http://127.0.0.1:9/callback'

declare module 'vitest' {
  interface TaskMeta {
    flows?: string[]
  }
}

/** Says that somebody got in and the tool answered. `npm run test:sign-in` counts these. */
export function flowDone({ task }: Pick<TestContext, 'task'>, what: string): void {
  task.meta.flows = [...(task.meta.flows ?? []), what]
}

export interface SceneOptions {
  /** Further lines of the configuration, and the files that they name. */
  readonly more?: string
  readonly files?: Readonly<Record<string, string>>
  readonly others?: readonly StubClient[]
  /** The API takes tokens of Keycloak's for it alone; else it takes a key, the same for all. */
  readonly exchange?: boolean
  /** Who may use the server, besides alice. */
  readonly rule?: string
  /** In place of the machine's resolver of names. */
  readonly lookup?: NonNullable<Parameters<typeof startInstance>[0]['machine']>['lookup']
}

export async function startScene(name: CompanyName, options: SceneOptions = {}): Promise<Scene> {
  const { more = '', others } = options
  const company = await startCompany(name, others)
  const { form, files, login, rule } = company
  const server = await startUpstream()
  const { orders, file = {} } = await startOrders(options.exchange)
  const running = await startInstance({
    form,
    front: 'gateway',
    files: { ...files, ...file, ...options.files },
    ...(options.lookup === undefined ? {} : { machine: { lookup: options.lookup } }),
    config: () => `${login}
server: ${server.url}/mcp
allow: ${JSON.stringify([rule, ...(options.rule === undefined ? [] : [options.rule])])}
tools: { read_order: { class: read, uses: [orders] } }
downstreams: ${orders}
${more}`,
  })
  server.answer = (reached) => answer(reached, running.egress)
  const url = running.instance.config.url
  const endpoint = `${url}/mcp`
  return {
    ...{ company, running, url, endpoint, server },
    async signIn(version, { as = company.alice, press, ...its } = {}) {
      const back = its.redirect ?? redirect
      const browser = its.browser ?? createBrowser({ leaveAt: back })
      const client = await signIn(version, {
        url: endpoint,
        redirect: back,
        libraries: parts().recipes?.node,
        ...its,
        visit: (to) => walk(browser, to, { as, ...(press === undefined ? {} : { press }) }),
      })
      onTestFinished(() => client.close())
      return client
    },
  }
}

/** The whole way: from the address of the server to a tool's answer, with a token that no server ever sees. */
export async function signsInAndCalls(
  context: Pick<TestContext, 'task'>,
  version: ClientVersion,
  name: CompanyName,
): Promise<void> {
  const scene = await startScene(name)
  const client = await scene.signIn(version)
  expect(await client.tools()).toEqual(['read_order'])
  const { text, failed } = await client.call('read_order', {})
  expect(text).toMatch(/^200 /)
  expect(failed).toBe(false)
  const { access_token: token } = client.kept.tokens!
  expect(decodeJwt(token)).toMatchObject({ iss: scene.url, aud: scene.endpoint })
  expect(scene.server.bytes().includes(token)).toBe(false)
  flowDone(context, `SDK ${version}, ${name}`)
}

async function startOrders(exchange = false): Promise<{ orders: string; file?: Record<string, string> }> {
  const operations = 'operations: [{ op: "GET /orders", class: read }]'
  if (exchange) {
    const { issuer } = parts().keycloak!
    const jwks = `${issuer}/protocol/openid-connect/certs`
    const { url } = await startResourceServer({ issuer, jwks, audience: 'orders-api' })
    return { orders: `{ orders: { url: "${url}", exchange: { audience: orders-api }, ${operations} } }` }
  }
  const api = await startApi((_request, response) => void response.end('{"orders":[]}'))
  const credential = 'static: { header: X-Api-Key, value: file:api-key, per: all, owner: crm }, guard: off'
  return {
    orders: `{ orders: { url: "${api.url}", ${credential}, ${operations} } }`,
    file: { 'api-key': 'the-key-of-the-company-0123456789' },
  }
}

/** The tool asks for the orders with the token of its call, and says what came. */
function answer(reached: Reached, egress: string): void {
  const { message, response, headers } = reached
  if (message['method'] !== 'tools/call') {
    honest(reached)
    return
  }
  void (async () => {
    const { authorization = '' } = headers
    const found = await fetch(`${egress}/downstream/orders/orders`, { headers: { authorization } })
    const text = `${found.status} ${await found.text()}`
    const result = { content: [{ type: 'text', text }] }
    response.writeHead(200, { 'content-type': 'application/json' }).end(answerTo(reached, result))
  })()
}
