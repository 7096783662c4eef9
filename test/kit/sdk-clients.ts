/** The official clients: v1 of the TypeScript SDK, which begins sessions, and v2, which tries without. */
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { OAuthClientProvider, OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'

export type ClientVersion = 'v1' | 'v2'

/** What of a client a test uses. */
export interface Connected {
  /** The revision of MCP that was agreed on. */
  readonly revision: string | undefined
  tools(): Promise<readonly string[]>
  call(tool: string, parameters: object): Promise<{ readonly text: string; readonly failed: boolean }>
  close(): Promise<void>
}

interface Answer {
  readonly content?: unknown
  readonly isError?: unknown
}

interface NewClient {
  connect(transport: NewTransport): Promise<void>
  getNegotiatedProtocolVersion(): string | undefined
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>
  callTool(params: object): Promise<Answer>
  close(): Promise<void>
}

interface NewTransport {
  finishAuth(answer: URLSearchParams): Promise<void>
}

interface NewSdk {
  readonly Client: new (info: object, options: object) => NewClient
  readonly StreamableHTTPClientTransport: new (url: URL, options: object) => NewTransport
}

type TransportOptions = NonNullable<ConstructorParameters<typeof StreamableHTTPClientTransport>[1]>

/** One try to reach a server; what it could not do without signing in, another one does afterwards. */
interface Attempt {
  connect(): Promise<Connected>
  finish(answer: URLSearchParams): Promise<void>
}

const info = { name: 'sallyport-tests', version: '1.0.0' }

/** `libraries`: the folder with the packages of test/recipes/node, which only v2 needs. */
function attempt(
  version: ClientVersion,
  url: URL,
  libraries: string | undefined,
  options: TransportOptions,
): Attempt {
  if (version === 'v1') {
    const client = new Client(info)
    const transport = new StreamableHTTPClientTransport(url, options)
    return {
      connect: async () => {
        await client.connect(transport)
        return connected(client, transport.protocolVersion)
      },
      finish: (answer) => transport.finishAuth(answer.get('code') ?? ''),
    }
  }
  if (libraries === undefined) throw new Error('v2 of the SDK is in the packages of the recipes')
  const sdk = createRequire(join(libraries, 'package.json'))('@modelcontextprotocol/client') as NewSdk
  const client = new sdk.Client(info, { versionNegotiation: { mode: 'auto' } })
  const transport = new sdk.StreamableHTTPClientTransport(url, options)
  return {
    connect: async () => {
      await client.connect(transport)
      return connected(client, client.getNegotiatedProtocolVersion())
    },
    finish: (answer) => transport.finishAuth(answer),
  }
}

export interface ConnectOptions {
  readonly url: string
  /** A token that the test has from elsewhere, or one of the SDK's own providers for clients without a person. */
  readonly token?: string
  readonly provider?: unknown
  readonly libraries?: string | undefined
}

export function connect(version: ClientVersion, options: ConnectOptions): Promise<Connected> {
  const { url, token, provider, libraries } = options
  const transport =
    token === undefined
      ? { authProvider: provider as OAuthClientProvider }
      : { requestInit: { headers: { authorization: `Bearer ${token}` } } }
  return attempt(version, new URL(url), libraries, transport).connect()
}

export interface SignInOptions {
  /** The endpoint of the server, which is all that a user types. */
  readonly url: string
  readonly libraries?: string | undefined
  /** Nothing: the client registers itself. */
  readonly registered?: { readonly id: string; readonly secret?: string } | { readonly document: string }
  readonly redirect: string
  /** What the client asks with, if not with the platform's own. */
  readonly fetch?: typeof fetch
  /** Takes the authorization URL to where it leads, as a browser does; gives the redirect URI with the answer. */
  visit(url: URL): Promise<URL>
}

/** The client's memory, as an application has one. */
export interface Kept {
  information: OAuthClientInformationMixed | undefined
  tokens: OAuthTokens | undefined
  /** What was asked for at the authorization endpoint; one for each sign-in. */
  readonly visits: URL[]
}

export interface SignedIn extends Connected {
  readonly kept: Kept
}

/** The SDK's own sign-in: it finds the authorization server, registers, asks, redeems and connects. */
export async function signIn(version: ClientVersion, options: SignInOptions): Promise<SignedIn> {
  const { url, libraries, visit, fetch: ask } = options
  const kept: Kept = { information: undefined, tokens: undefined, visits: [] }
  const { provider, state } = providerOf(options, kept)
  const tries = () =>
    attempt(version, new URL(url), libraries, {
      authProvider: provider,
      ...(ask === undefined ? {} : { fetch: ask }),
    })
  const first = tries()
  const asked = await first.connect().then(
    () => undefined,
    (error: unknown) => {
      const authorization = kept.visits[0]
      if (authorization === undefined) throw error
      return authorization
    },
  )
  if (asked === undefined) throw new Error(`${url} let a client in that has not signed in`)
  const back = await visit(asked)
  if (back.searchParams.get('state') !== state) throw new Error('the answer is of another request')
  const error = back.searchParams.get('error')
  if (error !== null) throw new Error(`${error}: ${back.searchParams.get('error_description')}`)
  await first.finish(back.searchParams)
  return { ...(await tries().connect()), kept }
}

function providerOf({ registered, redirect }: SignInOptions, kept: Kept) {
  const state = randomUUID()
  let verifier = ''
  let discovered: OAuthDiscoveryState | undefined
  const own: OAuthClientInformationMixed | undefined =
    registered === undefined || 'document' in registered
      ? undefined
      : {
          client_id: registered.id,
          ...(registered.secret === undefined ? {} : { client_secret: registered.secret }),
        }
  const provider: OAuthClientProvider = {
    redirectUrl: redirect,
    ...(registered !== undefined && 'document' in registered
      ? { clientMetadataUrl: registered.document }
      : {}),
    clientMetadata: {
      client_name: 'Sallyport tests',
      redirect_uris: [redirect],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    state: () => state,
    clientInformation: () => kept.information ?? own,
    saveClientInformation: (information) => {
      kept.information = information
    },
    tokens: () => kept.tokens,
    saveTokens: (tokens) => {
      kept.tokens = tokens
    },
    redirectToAuthorization: (url) => void kept.visits.push(url),
    saveCodeVerifier: (text) => {
      verifier = text
    },
    codeVerifier: () => verifier,
    saveDiscoveryState: (found) => {
      discovered = found
    },
    discoveryState: () => discovered,
    invalidateCredentials: (scope) => {
      if (scope === 'all' || scope === 'tokens') kept.tokens = undefined
      if (scope === 'all' || scope === 'client') kept.information = undefined
      if (scope === 'all' || scope === 'discovery') discovered = undefined
    },
  }
  return { provider, state }
}

function connected(
  client: Pick<NewClient, 'listTools' | 'callTool' | 'close'> | Client,
  revision: string | undefined,
): Connected {
  return {
    revision,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name).sort(),
    call: async (name, parameters) => {
      const { content, isError } = await client.callTool({ name, arguments: { ...parameters } })
      const texts = (content as readonly { readonly text?: string }[]).map(({ text }) => text ?? '')
      return { text: texts.join('\n'), failed: isError === true }
    },
    close: async () => client.close(),
  }
}
