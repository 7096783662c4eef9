/**
 * An OpenID provider with a login page, on loopback: authorization code, refresh, client authentication. What a
 * product does in its own way, its file beside this one says (`Habits`).
 */
import { answerAuthorize } from './authorize.ts'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { createKeys, type Keys } from './keys.ts'
import { answerToken } from './token.ts'

export interface StubPerson {
  readonly username: string
  readonly password: string
  /** What the provider knows the person by. */
  readonly id: string
  readonly name: string
  readonly groups: readonly string[]
}

/** One sign-in of a person in a browser. */
export interface Login {
  readonly person: StubPerson
  /** Seconds since the epoch. */
  readonly at: number
  readonly sid: string
}

/** What a client was given once: by a code, and again by each refresh. */
export interface Granted {
  readonly login: Login
  readonly client: StubClient
  readonly scope: readonly string[]
  readonly nonce: string | undefined
}

export interface StubClient {
  readonly id: string
  readonly secret: string
  /** The port of a loopback address is not looked at. */
  readonly redirectUris: readonly string[]
}

/** A refusal as the token endpoint and, where the browser may go back, the authorization endpoint give it. */
export interface Refusal {
  readonly error: string
  readonly description: string
  /** The provider's own number of it. */
  readonly code?: number
  readonly more?: Readonly<Record<string, unknown>>
}

export type Form = Readonly<Record<string, string>>

/** What a test may turn while the provider runs. */
export interface StubKnobs {
  /** User names of people who are locked out: no new sign-in, and the refresh of an old one fails. */
  readonly disabled: Set<string>
  /** Milliseconds before each answer. */
  delay: number
  /** Answer the token endpoint with this status and nothing that is of use. */
  down: number | undefined
  /** Life of an access token in seconds. */
  life: number
  /** Changes the claims of each ID token. */
  idToken: (claims: Record<string, unknown>) => Record<string, unknown>
  /** Changes what the metadata says. */
  metadata: (document: Record<string, unknown>) => Record<string, unknown>
  /** Changes what goes back to the client's redirect URI, an `iss` for example. */
  callback: (answer: Record<string, string>) => Record<string, string>
  /** Refuses everything at both endpoints. */
  refuse: Refusal | undefined
}

export interface StubIdp {
  readonly issuer: string
  readonly client: StubClient
  readonly people: Readonly<Record<string, StubPerson>>
  readonly knobs: StubKnobs
  /** What reached the endpoints, in order: parameters of the query or the form. */
  readonly asked: readonly { readonly endpoint: 'authorize' | 'token'; readonly form: Form }[]
  readonly keys: Keys
}

export interface Place {
  readonly issuer: string
  /** Scheme, host and port. */
  readonly origin: string
}

export interface Habits {
  /** Issuer and endpoints below the origin. */
  readonly paths: {
    readonly issuer: string
    readonly metadata: readonly string[]
    readonly authorize: string
    readonly token: string
    readonly keys: string
  }
  readonly sessionCookie: string
  readonly loginFields: { readonly username: string; readonly password: string }
  metadata(place: Place): Record<string, unknown>
  /** What it says to a request at the authorization or the token endpoint that others would take. */
  refuse(form: Form, client: StubClient): Refusal | undefined
  idToken(granted: Granted, place: Place): Record<string, unknown>
  accessToken(
    granted: Granted,
    place: Place,
  ): { readonly claims: Record<string, unknown>; readonly header?: Record<string, unknown> }
  /** How long a used refresh token still works, in seconds. */
  readonly leeway: number
  readonly refusals: Record<'code' | 'client' | 'disabled' | 'grant' | 'login' | 'refresh', Refusal>
  errorBody(refusal: Refusal): Record<string, unknown>
  /** Further grants by their names, with what they answer. */
  readonly grants?: Readonly<
    Record<
      string,
      (form: Form, client: StubClient, running: Running) => Promise<Record<string, unknown> | Refusal>
    >
  >
}

export interface Running {
  readonly habits: Habits
  readonly place: Place
  readonly clients: readonly StubClient[]
  readonly knobs: StubKnobs
  readonly keys: Keys
  readonly people: readonly StubPerson[]
  /** By what the session cookie holds. */
  readonly logins: Map<string, Login>
  readonly codes: Map<string, Code>
  readonly refreshTokens: Map<string, Refreshing>
}

export interface Code {
  readonly granted: Granted
  readonly redirectUri: string
  readonly challenge: string | undefined
  used: boolean
}

interface Refreshing {
  readonly granted: Granted
  /** Of all tokens that came from one sign-in. */
  readonly family: string
  /** When it was used, in milliseconds since the epoch. */
  usedAt: number | undefined
}

export interface StubOptions {
  readonly people: readonly StubPerson[]
  readonly client?: StubClient
  /** Other applications of the company, besides the one of the broker. */
  readonly others?: readonly StubClient[]
  /** `localhost` is another site than 127.0.0.1 to a browser, as a company's provider is. */
  readonly host?: '127.0.0.1' | 'localhost'
}

const defaultClient: StubClient = {
  id: 'sallyport',
  secret: 'sallyport-secret',
  redirectUris: ['http://127.0.0.1/login/callback'],
}

export async function startProvider(habits: Habits, options: StubOptions): Promise<StubIdp> {
  const { people, client = defaultClient, others = [], host = '127.0.0.1' } = options
  const asked: { endpoint: 'authorize' | 'token'; form: Form }[] = []
  const knobs: StubKnobs = {
    disabled: new Set(),
    delay: 0,
    down: undefined,
    life: 3600,
    idToken: (claims) => claims,
    metadata: (document) => document,
    callback: (answer) => answer,
    refuse: undefined,
  }
  const keys = await createKeys()
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://${host}:${(server.address() as AddressInfo).port}`
  const place = { origin, issuer: `${origin}${habits.paths.issuer}` }
  const running: Running = {
    ...{ habits, place, clients: [client, ...others], people, knobs, keys },
    logins: new Map(),
    codes: new Map(),
    refreshTokens: new Map(),
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', origin)
    const { paths } = habits
    const body = request.method === 'POST' ? Object.fromEntries(new URLSearchParams(await text(request))) : {}
    if (knobs.delay > 0) await pause(knobs.delay)
    if (paths.metadata.includes(url.pathname)) json(response, 200, knobs.metadata(habits.metadata(place)))
    else if (url.pathname === paths.keys) json(response, 200, keys.published())
    else if (url.pathname === paths.token && request.method === 'POST') {
      asked.push({ endpoint: 'token', form: body })
      const { status, body: said } = await answerToken(running, request, body)
      json(response, status, said)
    } else if (url.pathname === paths.authorize) {
      const form = Object.fromEntries(url.searchParams)
      if (request.method === 'GET') asked.push({ endpoint: 'authorize', form })
      answerAuthorize(running, { request, response, url, form, typed: body })
    } else response.writeHead(404).end()
  }

  const byName = Object.fromEntries(people.map((person) => [person.username, person]))
  return { issuer: place.issuer, client, people: byName, knobs, asked, keys }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
