import type { Audit } from '../audit/index.ts'
import type { Transport } from '../egress/index.ts'
import type { Identity, OpenIdentity } from '../identity/index.ts'
import type { Access, Clock, Downstream, Gate, JsonObject, LiveWork, Server } from '../model/index.ts'
import type { Budgets, Policy } from '../policy/index.ts'
import type { Stdio } from '../stdio/index.ts'
import type { Log, Metrics } from '../telemetry/index.ts'
import type { Calls } from './calls.ts'
import type { Places } from './places.ts'
import type { RequestStates } from './request-state.ts'
import type { Seal } from '../storage/index.ts'
import type { Tasks } from './tasks.ts'
import type { McpSessions } from './sessions.ts'
import type { Definitions } from './tools/definitions.ts'

export interface GatewaySlice {
  /** Names for `Host`; the port may be known only once it listens. */
  readonly hosts: readonly string[]
  /** Browser origins that are served, besides the gateway's own. */
  readonly origins: readonly string[]
  readonly servers: readonly Server[]
  /** Who issues the tokens of clients; the metadata names it. */
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
  /** The longest parameters of a call, as JSON, and the longest answer to it, in bytes. */
  readonly argumentBytes: number
  readonly resultBytes: number
  /** How many requests one principal may have open at once, streams among them. */
  readonly streams: number
}

export interface GatewayDeps {
  readonly identity: Pick<Identity, 'enterAt'> & Pick<OpenIdentity, 'mintCall'>
  /** Who stands for clients without a token at this server; undefined where there is nobody. */
  readonly anonymous: (server: Server) => Access | Promise<Access> | undefined
  readonly policy: Policy
  readonly budgets: Budgets
  readonly definitions: Definitions
  readonly audit: Audit
  readonly gate: Gate
  readonly live: LiveWork
  /** Ends the requests that a call has left behind. */
  readonly endCall: (id: string) => void
  readonly transport: (origin: string) => Transport
  /** The way to servers without a URL, where there are any. */
  readonly stdio: Pick<Stdio, 'send'> | undefined
  /** Those of these downstreams to which the person has to connect first. */
  readonly missing: (
    access: Access,
    server: Server,
    uses: readonly Downstream[],
  ) => Promise<readonly Downstream[]>
  /** Where the person of this token connects to a downstream. */
  readonly connectUrl: (access: Access, downstream: string) => string
  readonly seal: Seal
  /** Keyed digest of a call's parameters. */
  readonly digest: (args: JsonObject) => string
  readonly clock: Clock
  readonly newRequestId: () => string
  readonly newCallId: () => string
  readonly log: Log
  readonly metrics: Pick<Metrics, 'callsRefused'>
}

/** A server as the gateway serves it. */
export interface Fronted {
  readonly server: Server
  /** Origin and path of its endpoint behind the gateway; absent where it is a program that we start. */
  readonly at: { readonly origin: string; readonly path: string } | undefined
  readonly metadata: string
}

/** What all requests have in common. */
export interface Inside extends GatewaySlice, GatewayDeps {
  readonly calls: Calls
  readonly places: Places
  readonly sessions: McpSessions
  readonly states: RequestStates
  readonly tasks: Tasks
  readonly endpoints: ReadonlyMap<string, Fronted>
  readonly documents: ReadonlyMap<string, Server>
  readonly catalogs: ReadonlyMap<string, Fronted>
}
