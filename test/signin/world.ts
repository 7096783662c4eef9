import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { onTestFinished } from 'vitest'
import type { Lookup } from '../../src/egress/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { filesBelow } from '../attack/scene.ts'
import { certificateFor } from '../kit/certificate.ts'
import { startOkta } from '../kit/idps/okta.ts'
import type { StubIdp } from '../kit/idps/provider.ts'
import { type Running, startInstance } from '../kit/instance.ts'
import { type Browser, createBrowser, type Left, type Page, walk } from '../kit/walk.ts'

export const alice = { username: 'alice@acme.example', password: 'alice-password' }
export const bob = { username: 'bob@acme.example', password: 'bob-password' }

/** Where the answers of a test's client go: nothing listens there. */
export const callback = 'http://127.0.0.1:7099/callback'

export const verifier = 'v'.repeat(43)
export const challenge = createHash('sha256').update(verifier).digest('base64url')

export type Params = Readonly<Record<string, string | readonly string[] | undefined>>

/** A whole instance before a stub of an IdP, as MCP clients and browsers meet it. */
export interface World {
  readonly running: Running
  /** The address that people and clients use; also the issuer. */
  readonly url: string
  readonly idp: StubIdp
  /** Lines of the log. */
  readonly log: readonly string[]
  /** Registers a client with this redirect URI; members given as undefined are left out. */
  register(more?: Params & { readonly redirect_uris?: readonly string[] }): Promise<string>
  /** An authorization request that is good but for what is given. */
  request(client: string, more?: Params): URL
  browser(leaveAt?: string): Browser
  /** Signs in at the IdP with a client of the test's own, so that the browser is this person's. */
  visit(browser: Browser, as: typeof alice): Promise<void>
  record(): Record<string, any>[]
}

export interface WorldOptions {
  readonly idp?: StubIdp
  /** Members of `login` besides issuer and client. */
  readonly login?: string
  /** In place of the one server. */
  readonly servers?: string
  /** Further lines of the configuration. */
  readonly more?: string
  readonly lookup?: Lookup
  readonly files?: Readonly<Record<string, string>>
  /** Where people reach it; the gateway itself where it is left out. */
  readonly url?: `https://${string}`
  /** That of an instance before, whose keys it goes on with. */
  readonly folder?: string
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const idp = options.idp ?? (await startOkta())
  const { id, secret } = idp.client
  const log: string[] = []
  const running = await startInstance({
    form: 'single',
    front: options.url ?? 'gateway',
    log: createLog({ level: 'debug', stream: { write: (line: string) => log.push(line) } }),
    files: { key: 'a key of thirty-two bytes or more', secret, ...options.files },
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    ...(options.lookup === undefined ? {} : { machine: { lookup: options.lookup } }),
    config: () => `key: file:key
login: { issuer: "${idp.issuer}", client: { id: ${id}, secret: file:secret }${options.login === undefined ? '' : `, ${options.login}`} }
${options.servers ?? 'server: http://127.0.0.1:9/mcp\nallow: [anyone]'}
${options.more ?? ''}
`,
  })
  const url = running.faces.gateway!.url
  const register: World['register'] = async (more = {}) => {
    const answer = await postJson(`${url}/oauth2/register`, {
      redirect_uris: [callback],
      token_endpoint_auth_method: 'none',
      client_name: 'Test client',
      ...more,
    })
    if (answer.status !== 201)
      throw new Error(`registration: ${answer.status} ${JSON.stringify(answer.body)}`)
    return String(answer.body['client_id'])
  }
  const request: World['request'] = (client, more = {}) => {
    const at = new URL(`${url}/oauth2/authorize`)
    const all: Params = {
      response_type: 'code',
      client_id: client,
      redirect_uri: callback,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 'the-state',
      ...more,
    }
    for (const [name, value] of Object.entries(all))
      for (const one of value === undefined ? [] : [value].flat()) at.searchParams.append(name, one)
    return at
  }
  const browser = (leaveAt = callback) => createBrowser({ leaveAt })
  return {
    ...{ running, url, idp, log, register, request, browser },
    visit: async (one, as) => {
      const deny: Parameters<typeof walk>[2]['press'] = (_page, buttons) =>
        buttons.find(({ value }) => value === 'deny')
      await walk(one, request(await register()), { as, press: deny })
    },
    record: () =>
      filesBelow(join(running.instance.config.data, 'records'))
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .flatMap((name) => readFileSync(name, 'utf8').split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  }
}

export async function postJson(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    headers: answer.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  }
}

/** The page that a browser came to; an answer to the client fails the test. */
export function pageOf(at: Page | Left): Page {
  if ('left' in at) throw new Error(`the browser left for ${at.left.href}`)
  return at
}

/** What the client was answered; a page fails the test. */
export function answerOf(at: Page | Left): URLSearchParams {
  if (!('left' in at)) throw new Error(`${at.url.href} says ${at.status}: ${at.says}`)
  return at.left.searchParams
}

export interface MetadataHost {
  readonly port: number
  /** Paths that were asked for. */
  readonly asked: string[]
  readonly answers: Map<string, (response: ServerResponse) => void>
  /** The address of a document at `https://client.example`. */
  at(path: string): string
  serve(path: string, document: unknown, headers?: Readonly<Record<string, string>>): string
}

/** One for all: of two roots with one name the first is asked. */
const certificate = certificateFor('client.example')
let trusted = false

function trust(): void {
  if (!trusted) setDefaultCACertificates([...getCACertificates('default'), certificate.cert])
  trusted = true
}

/** A host of client metadata at `https://client.example`, whose certificate this process trusts. */
export async function startMetadataHost(): Promise<MetadataHost> {
  trust()
  const asked: string[] = []
  const answers: MetadataHost['answers'] = new Map()
  const server = createServer(certificate, (request, response) => {
    asked.push(request.url ?? '')
    const answer = answers.get(request.url ?? '')
    if (answer === undefined) response.writeHead(404).end()
    else answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const at = (path: string) => `https://client.example:${port}${path}`
  return {
    port,
    asked,
    answers,
    at,
    serve: (path, document, headers = {}) => {
      answers.set(path, (response) => {
        response.writeHead(200, { 'content-type': 'application/json', ...headers })
        response.end(typeof document === 'string' ? document : JSON.stringify(document))
      })
      return at(path)
    },
  }
}

/** Every name is this machine, which the configuration has to allow. */
export const everyNameHere: Lookup = (_name, _options, done) =>
  done(null, [{ address: '127.0.0.1', family: 4 }])
export const allowHere = 'network: { allow: ["127.0.0.1/32"] }'
