/**
 * The SDK of the everything-server. It is in the cache and not in this repository's node_modules, so it is loaded by
 * its place, and TypeScript knows of it what stands here: the part that is used.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { obtainConformanceSuite } from '../../kit/parts/conformance.ts'

type Json = Readonly<Record<string, unknown>>
type Capabilities = Json & { readonly extensions?: Json }

/** What a handler gets beside its arguments. */
export interface Context {
  readonly mcpReq: {
    readonly _meta?: { readonly progressToken?: string | number }
    /** The reserved keys of `_meta`: only from 2026-07-28 on. */
    readonly envelope?: { readonly 'io.modelcontextprotocol/clientCapabilities'?: Capabilities }
    /** From the client, and not validated. */
    readonly inputResponses?: Json
    /** What `mint` was given in the round before, verified. */
    requestState(): unknown
    log(level: 'info', data: string): Promise<void>
    notify(notification: { readonly method: string; readonly params: Json }): Promise<void>
  }
  readonly http?: {
    /** Ends the event stream of this request; the client comes back for the rest. */
    closeSSE?(): void
  }
}

type Handler<T> = (arguments_: T, context: Context) => Json | Promise<Json>
type Bare = (context: Context) => Json | Promise<Json>
type Registered<T> = (name: string, config: Json, handler: Handler<T> | Bare) => void

export interface Server {
  readonly server: {
    setRequestHandler(method: string, handler: (request: any, context: Context) => Json | Promise<Json>): void
    /** A method that the SDK has no part for: its parameters are as they came. */
    setRequestHandler(method: string, schemas: Json, handler: (params: any, context: Context) => Json): void
  }
  readonly registerTool: Registered<any>
  readonly registerPrompt: Registered<any>
  registerResource(name: string, uri: unknown, config: Json, read: (uri: URL, variables: any) => Json): void
  connect(transport: Transport): Promise<void>
}

interface Transport {
  handleRequest(request: Request): Promise<Response>
}

export interface StoredEvents {
  storeEvent(stream: string, message: unknown): Promise<string>
  replayEventsAfter(
    last: string,
    to: { readonly send: (id: string, message: unknown) => Promise<void> },
  ): Promise<string>
}

interface ModernHandler {
  readonly fetch: (request: Request) => Promise<Response>
  readonly notify: { toolsChanged(): void; promptsChanged(): void }
}

interface InputRequired {
  (asked: { readonly inputRequests?: Json; readonly requestState?: string }): Json
  elicit(params: Json): unknown
  createMessage(params: Json): unknown
  listRoots(): unknown
}

type Guard = (request: unknown, response: unknown) => boolean

const folder = await obtainConformanceSuite()
if (folder === undefined) throw new Error('the SDK is not in the cache, and SALLYPORT_TEST_OFFLINE=1')
const load = createRequire(join(folder, 'package.json'))

export const {
  McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ResourceTemplate,
  WebStandardStreamableHTTPServerTransport: SessionTransport,
  acceptedContent,
  createMcpHandler,
  createRequestStateCodec,
  fromJsonSchema,
  inputRequired,
  isLegacyRequest,
} = load('@modelcontextprotocol/server') as {
  readonly McpServer: new (info: Json, options: Json) => Server
  readonly MissingRequiredClientCapabilityError: new (data: { readonly requiredCapabilities: Json }) => Error
  readonly ProtocolError: new (code: number, message: string) => Error
  readonly ResourceTemplate: new (template: string, callbacks: { readonly list: undefined }) => object
  readonly WebStandardStreamableHTTPServerTransport: new (options: Json) => Transport
  acceptedContent(responses: Json | undefined, key: string): Json | undefined
  createMcpHandler(factory: () => Server, options: { readonly legacy: 'reject' }): ModernHandler
  createRequestStateCodec(options: { readonly key: Uint8Array }): {
    mint(payload: unknown): Promise<string>
    readonly verify: unknown
  }
  fromJsonSchema(schema: Json): unknown
  readonly inputRequired: InputRequired
  isLegacyRequest(request: Request): Promise<boolean>
}

export const { toNodeHandler, localhostHostValidation, localhostOriginValidation } = load(
  '@modelcontextprotocol/node',
) as {
  toNodeHandler(handler: {
    fetch(request: Request): Promise<Response>
  }): (request: unknown, response: unknown) => Promise<void>
  localhostHostValidation(): Guard
  localhostOriginValidation(): Guard
}
