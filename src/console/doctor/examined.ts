import type { Canary, ProviderProbe } from '../../exchange/index.ts'
import type { Transport } from '../../egress/index.ts'
import type {
  Clock,
  ConfigProblem,
  Downstream,
  GuardedFetch,
  OAuthClient,
  Operation,
  Seconds,
  Secret,
  Server,
  VaultFault,
} from '../../model/index.ts'
import type { AdminEndpoint } from '../client.ts'

/** Where one face listens. */
export interface ListenPlace {
  readonly face: string
  readonly host: string
  readonly port: number
  readonly socket?: string
}

/** The configuration, as far as it is looked at. */
export interface Examined {
  readonly form: 'single' | 'dev'
  readonly version: string
  readonly url: string
  readonly tenant: string
  readonly data: string
  readonly login: {
    readonly issuer: string
    readonly builtIn: boolean
    /** `broker`: people are sent to the IdP from here. */
    readonly mode: 'broker' | 'direct'
    readonly client?: OAuthClient
    readonly scope?: readonly string[]
    readonly skew: Seconds
  }
  readonly workloads: readonly { readonly issuer: string }[]
  readonly servers: readonly Server[]
  readonly downstreams: readonly Downstream[]
  readonly vault?: { readonly addresses: readonly string[]; readonly groups: readonly string[] }
  readonly listens: readonly ListenPlace[]
  /** Bytes of the longest MCP message. */
  readonly messageBytes: number
  readonly warnings: readonly ConfigProblem[]
}

/** What the doctor does to the world: asks, connects, and changes nothing but what `vault` says. */
export interface DoctorTools {
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly fetch: GuardedFetch
  /** Connects to a configured origin and says nothing. */
  readonly reach: (origin: string) => Promise<void>
  readonly allowOrigin: (url: string) => void
  readonly transport: (origin: string) => Transport
  readonly provider: ProviderProbe
  readonly listenable: (place: ListenPlace) => Promise<'free' | 'taken' | 'foreign'>
  readonly writable: (folder: string) => boolean
  /** The instance on the data folder, where one has said where it is. */
  readonly instance: () => AdminEndpoint | undefined
  /** Undefined where grants lie in files. With `write`, a grant for a trial is written and destroyed. */
  readonly vault: ((terms: { readonly write: boolean }) => Promise<readonly VaultFault[]>) | undefined
  /** The configured operation of that request. */
  readonly operation: (downstream: Downstream, method: string, path: string) => Operation | undefined
}

/** How it was asked. */
export interface DoctorWords {
  /** Write nothing anywhere. */
  readonly fixNothing: boolean
  /** A person's access token, for trials of exchanges. */
  readonly subject?: Secret
  /** `orders GET /orders/7`: harmless requests that may be made with a real credential. */
  readonly calls: readonly string[]
  /** Budget of one step. */
  readonly seconds: number
}

/** What the steps learn and hand on: which tokens there are for trials. */
export interface Learnt {
  /** Tokens of our own clients, by issuer and client id. */
  readonly canaries: Map<string, Canary>
  /** Credentials of downstreams that were obtained, by name. */
  readonly credentials: Map<string, Secret>
}

export interface Examination {
  readonly config: Examined
  readonly tools: DoctorTools
  readonly words: DoctorWords
  readonly learnt: Learnt
}
