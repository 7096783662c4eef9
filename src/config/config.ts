import type { ConfigProblem, Downstream, OAuthClient, Seconds, Secret, Server } from '../model/index.ts'
import type { BudgetsInput } from '../policy/index.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
  /** A Unix socket path instead of host and port. */
  readonly socket?: string
  readonly insecure: boolean
}

/** The IdP whose tokens say who a person is. */
export interface LoginSlice {
  readonly issuer: string
  /** The sign-in of the dev form, which this process serves itself at `{url}/dev`. */
  readonly builtIn: boolean
  readonly client?: OAuthClient
  /** Whether MCP clients sign in here or at the IdP itself. */
  readonly mode: 'broker' | 'direct'
  /** What is asked for when a person is sent there; what discovery suggests where it is left out. */
  readonly scope?: readonly string[]
  readonly groupsClaim: string
  readonly tenantClaim?: { readonly name: string; readonly value: string }
  readonly workflowClaim?: string
  readonly algorithms: readonly string[]
  /** JWT `typ` values besides `at+jwt` that this IdP gives its access tokens (Keycloak: `JWT`). */
  readonly types: readonly string[]
  readonly skew: Seconds
}

/** An issuer of workload tokens, such as a cluster. */
interface WorkloadSlice {
  readonly issuer: string
  readonly audience: string
  /** Subjects that are taken; `*` stands for one or more characters other than `:` and `/`. */
  readonly subjects: readonly string[]
  readonly workflowClaim?: string
}

/** An MCP client that the configuration names. */
interface McpClientSlice {
  /** What policy knows it by. */
  readonly name: string
  /** Its `client_id`, where it is registered here. */
  readonly id?: string
  /** Its `client_id`, where that is the URL of its metadata document. */
  readonly cimd?: string
  readonly redirects: readonly string[]
  readonly secret?: Secret
  /** Its public keys, or where they are. */
  readonly jwks?: { readonly keys: readonly object[] } | string
  readonly grants: readonly string[]
  /** Names of the servers that it may be used with; all where it is left out. */
  readonly servers?: readonly string[]
}

/** How MCP clients sign people in here. */
interface SignInSlice {
  readonly registration: 'off' | 'known' | 'open'
  readonly catalog: boolean
  /** Lives of an access token, of a sign-in that is not used, and of one that is. */
  readonly access: Seconds
  readonly idle: Seconds
  readonly absolute: Seconds
  /** How long the refresh token before the last one still gets the same answer. */
  readonly leeway: Seconds
}

export interface VaultLogin {
  readonly kind: 'token' | 'approle'
  readonly token?: Secret
  readonly role?: string
  readonly secret?: Secret
  readonly mount: string
}

export interface VaultSlice {
  /** One that leads to the active node, or every node. */
  readonly addresses: readonly string[]
  readonly namespace?: string
  /** A CA bundle in PEM. */
  readonly ca?: string
  readonly mounts: { readonly kv: string; readonly transit: string }
  /** The groups that there have to be: those of the servers, and `login` where people sign in here. */
  readonly groups: readonly string[]
  readonly logins: {
    readonly runtime: VaultLogin
    readonly connecting: VaultLogin
    readonly keeper: VaultLogin
  }
}

/** The configuration in force: every short form expanded, every reference read, frozen. */
export interface Config {
  readonly form: 'single' | 'dev'
  readonly url: string
  readonly tenant: string
  readonly environment: string
  readonly login: LoginSlice
  readonly workloads: readonly WorkloadSlice[]
  readonly clients: readonly McpClientSlice[]
  readonly signIn: SignInSlice
  readonly servers: readonly Server[]
  readonly downstreams: readonly Downstream[]
  /** How many tool calls may be made. */
  readonly budgets: BudgetsInput
  /** Absolute path of the data folder. */
  readonly data: string
  /** What wraps the local store and the persistent signing key: raw bytes, or a passphrase. */
  readonly key: Secret<Uint8Array> | Secret
  /** The key was made for this run (dev); what it wraps cannot be opened by the next. */
  readonly throwawayKey: boolean
  readonly vault?: VaultSlice
  readonly listen: {
    readonly egress: ListenAddress
    /** Listens only where a server has a `url`. */
    readonly gateway: ListenAddress
    /** Listens only where people can sign in. */
    readonly public: ListenAddress
    readonly admin: ListenAddress
    readonly telemetry: ListenAddress
  }
  readonly record: { readonly reads: 'handed' | 'synced'; readonly retention?: Seconds }
  readonly session: {
    readonly lifetime: Seconds
    readonly keyRotation: Seconds
    readonly algorithm: 'EdDSA' | 'ES256'
  }
  readonly network: {
    readonly allow: readonly string[]
    readonly deny: readonly string[]
    readonly client: 'http1' | 'undici'
  }
  readonly limits: {
    readonly connectTimeout: Seconds
    readonly headersTimeout: Seconds
    readonly idleTimeout: Seconds
    /** The longest that a tunnel may be open. */
    readonly tunnelLife: Seconds
    /** How many may be open at once. */
    readonly tunnels: number
    /** How long a tool call may be open. */
    readonly call: Seconds
    /** The longest MCP message, event of a stream and list. */
    readonly messageBytes: number
    /** How many requests one call may make downstream. */
    readonly requests: number
    /** The longest parameters of a call, as JSON, and the longest answer to it. */
    readonly argumentBytes: number
    readonly resultBytes: number
    /** How many requests one principal may have open at the gateway. */
    readonly streams: number
    /** How many processes of servers there may be, and how long one is kept that nobody asks anything of. */
    readonly children: number
    readonly childIdle: Seconds
  }
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
  /** Digest of what decides, 16 hex digits: the version of the policy bundle. */
  readonly version: string
  /** The same digest whole (SHA-256, hex), for the log entry of the bundle. */
  readonly digest: string
  /** What is not wrong but worth a look. */
  readonly warnings: readonly ConfigProblem[]
}
