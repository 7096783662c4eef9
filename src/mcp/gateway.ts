import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Audit } from '../audit/index.ts'
import type { Transport } from '../egress/index.ts'
import type { Identity, OpenIdentity } from '../identity/index.ts'
import {
  type Access,
  type Clock,
  type Downstream,
  type Gate,
  type JsonObject,
  type LiveWork,
  type OpenCalls,
  SallyportError,
  type Server,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Log } from '../telemetry/index.ts'
import { type Calls, createCalls } from './calls.ts'
import { handle } from './handle.ts'
import { metadataPaths, metadataUrl } from './metadata.ts'
import { refuse } from './refusal.ts'
import { createRequestStates, type RequestStates } from './request-state.ts'
import type { Seal } from './seal.ts'
import { createMcpSessions, type McpSessions } from './sessions.ts'

export interface GatewaySlice {
  /** Names for `Host`; the port may be known only once it listens. */
  readonly hosts: readonly string[]
  /** Browser origins that are served, besides the gateway's own. */
  readonly origins: readonly string[]
  readonly servers: readonly Server[]
  /** Where people and clients reach sallyport. */
  readonly url: string
  /** The login's issuer, which the metadata names. */
  readonly issuer: string
  /** The longest message, event and list, in bytes. */
  readonly messageBytes: number
  /** How long a call may be open, in milliseconds. */
  readonly callMs: number
  /** How long a client may take for its message, in milliseconds. */
  readonly stallMs: number
  /** How long a client may take nothing of its answer, in milliseconds. */
  readonly idleMs: number
  /** How many requests a call may make downstream. */
  readonly maxRequests: number
}

export interface GatewayDeps {
  readonly identity: Pick<Identity, 'enterAt'> & Pick<OpenIdentity, 'mintCall'>
  /** Who stands for clients without a token at this server; undefined where there is nobody. */
  readonly anonymous: (server: Server) => Access | Promise<Access> | undefined
  readonly policy: Policy
  readonly audit: Audit
  readonly gate: Gate
  readonly live: LiveWork
  readonly transport: (origin: string) => Transport
  /** Those of these downstreams to which the person has to connect first. */
  readonly missing: (
    access: Access,
    server: Server,
    uses: readonly Downstream[],
  ) => Promise<readonly Downstream[]>
  readonly seal: Seal
  /** Keyed digest of a call's parameters. */
  readonly digest: (args: JsonObject) => string
  readonly clock: Clock
  readonly newRequestId: () => string
  readonly newCallId: () => string
  readonly log: Log
}

export interface Gateway {
  /** `ANY /mcp` or `/{server}/mcp`, and their metadata; whatever else comes is answered 404. Never throws. */
  handle(req: IncomingMessage, res: ServerResponse): void
  /** For the egress, which holds requests to them. */
  readonly calls: OpenCalls
  close(): void
}

/** A server as the gateway serves it. */
export interface Fronted {
  readonly server: Server
  readonly origin: string
  /** Path of its endpoint behind the gateway. */
  readonly path: string
  readonly metadata: string
}

/** What all requests have in common. */
export interface Inside extends GatewaySlice, GatewayDeps {
  readonly calls: Calls
  readonly sessions: McpSessions
  readonly states: RequestStates
  readonly endpoints: ReadonlyMap<string, Fronted>
  readonly documents: ReadonlyMap<string, Server>
}

export function createGateway(slice: GatewaySlice, deps: GatewayDeps): Gateway {
  const endpoints = new Map<string, Fronted>()
  const documents = new Map<string, Server>()
  const alone = slice.servers.length === 1
  for (const server of slice.servers) {
    if (server.url === undefined) continue
    const at = new URL(server.url)
    const endpoint = alone ? '/mcp' : `/${server.name}/mcp`
    endpoints.set(endpoint, { server, origin: at.origin, path: at.pathname, metadata: metadataUrl(server) })
    for (const path of metadataPaths(endpoint, alone)) documents.set(path, server)
  }
  const calls = createCalls()
  const inside: Inside = {
    ...slice,
    ...deps,
    calls,
    endpoints,
    documents,
    sessions: createMcpSessions(),
    states: createRequestStates({ ...deps, newId: deps.newRequestId }),
  }
  let closing = false
  return {
    calls,
    handle: (req, res) => {
      if (!closing) void handle(req, res, inside)
      else
        refuse(res, new SallyportError('shutting_down'), {
          id: undefined,
          requestId: deps.newRequestId(),
          metadata: undefined,
        })
    },
    close: () => {
      closing = true
    },
  }
}
