import type { ExchangeFlavour, ProviderName, RiskClass } from '../model/index.ts'
import type { CapKey } from '../policy/index.ts'
import type { WrittenRule } from './schema/rules.ts'

/**
 * The long form of a configuration: every short form and default written out, OpenAPI documents read, references to
 * secrets still references. It is a valid configuration itself; expanding it again changes nothing.
 */
export interface Expanded {
  readonly url: string
  readonly tenant: string
  readonly environment: string
  readonly login?: ExpandedLogin
  readonly workloads: readonly ExpandedWorkload[]
  readonly clients: Readonly<Record<string, ExpandedMcpClient>>
  readonly sign_in: ExpandedSignIn
  readonly servers: Readonly<Record<string, ExpandedServer>>
  readonly downstreams: Readonly<Record<string, ExpandedDownstream>>
  readonly caps: readonly ExpandedCap[]
  readonly loops: ExpandedLoops
  readonly data: string
  readonly key?: string | { readonly passphrase: string }
  readonly vault?: ExpandedVault
  readonly listen: Readonly<Record<Face, ExpandedListen>>
  readonly record: { readonly reads: 'handed' | 'synced'; readonly retention?: number }
  readonly session: {
    readonly lifetime: number
    readonly key_rotation: number
    readonly algorithm: 'EdDSA' | 'ES256'
  }
  readonly network: {
    readonly allow: readonly string[]
    readonly deny: readonly string[]
    readonly client: 'http1' | 'undici'
  }
  readonly limits: {
    readonly connect: number
    readonly headers: number
    readonly idle: number
    readonly tunnel: number
    readonly tunnels: number
    readonly call: number
    readonly message: number
    readonly requests: number
    readonly arguments: number
    readonly result: number
    readonly streams: number
    readonly children: number
    readonly child_idle: number
  }
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
}

export type Face = 'egress' | 'gateway' | 'public' | 'admin' | 'telemetry'
export const faces: readonly Face[] = ['egress', 'gateway', 'public', 'admin', 'telemetry']

export interface ExpandedListen {
  readonly address: string
  readonly insecure: boolean
}

export interface ExpandedClient {
  readonly id: string
  readonly secret?: string
  readonly key?: string
}

export interface ExpandedLogin {
  readonly issuer: string
  readonly insecure: boolean
  readonly client?: ExpandedClient
  readonly mode: 'broker' | 'direct'
  readonly scope?: readonly string[]
  readonly groups: string
  readonly workflow?: string
  readonly tenant?: { readonly claim: string; readonly value: string }
  readonly audiences?: readonly string[]
  readonly algorithms: readonly string[]
  readonly types: readonly string[]
  readonly skew: number
}

/** An MCP client: one that is registered here, or by what one that registers itself is known. */
export interface ExpandedMcpClient {
  readonly id?: string
  readonly cimd?: string
  readonly redirects: readonly string[]
  readonly secret?: string
  readonly jwks?: string
  readonly grants: readonly string[]
  readonly servers?: readonly string[]
}

export interface ExpandedSignIn {
  readonly registration: 'off' | 'known' | 'open'
  readonly catalog: boolean
  readonly access: number
  readonly idle: number
  readonly absolute: number
  readonly leeway: number
}

interface ExpandedWorkload {
  readonly issuer: string
  readonly insecure: boolean
  readonly audience: string
  readonly subjects: readonly string[]
  readonly workflow?: string
}

export interface ExpandedUse {
  readonly op: string
  readonly bind?: Readonly<Record<string, string>>
  readonly free?: readonly string[]
  readonly rest?: 'refuse'
  readonly times?: number
  readonly unbound?: boolean
}

/** A rule as it is written: one name, or several conditions that have to hold together. */
export type ExpandedRule = WrittenRule

export interface ExpandedTool {
  readonly class: RiskClass
  readonly uses: readonly (string | ExpandedUse)[]
  readonly labels?: readonly string[]
  readonly allow?: readonly ExpandedRule[]
  readonly deny?: readonly ExpandedRule[]
  readonly record?: readonly string[]
  readonly redact?: readonly string[]
  readonly pin?: string
  readonly confirm?: string
  readonly approve?: { readonly by: string; readonly people: number }
  readonly summary?: string
  readonly owner?: string
}

export interface ExpandedCap {
  readonly per: readonly CapKey[]
  readonly calls?: string
  readonly concurrent?: number
  readonly daily?: number
  readonly effects?: number
}

export type ExpandedLoops = 'off' | { readonly same: number; readonly within: number }

export interface ExpandedServer {
  readonly url?: string
  readonly insecure: boolean
  readonly resource: string
  readonly audiences: readonly string[]
  readonly extra_audiences: readonly string[]
  readonly allow: readonly ExpandedRule[]
  readonly deny: readonly ExpandedRule[]
  readonly tools: Readonly<Record<string, ExpandedTool>>
  readonly direct: readonly string[]
  readonly connect: readonly string[]
  readonly accept?: 'subject-token'
  readonly mode: 'enforce' | 'observe'
  readonly anonymous?: string
  readonly environment: string
  readonly caps: readonly ExpandedCap[]
  readonly vault_group: string
  readonly client?: ExpandedClient
}

export interface ExpandedOperation {
  readonly op: string
  readonly class: RiskClass
}

export interface ExpandedTarget {
  readonly issuer?: string
  readonly insecure: boolean
  readonly client?: ExpandedClient
  readonly audience?: string
  readonly resource?: string
  readonly extra_audiences: readonly string[]
  readonly scope: readonly string[]
}

export interface ExpandedStatic {
  readonly header?: string
  readonly prefix?: string
  readonly per: 'all' | 'user'
  readonly value?: string
  readonly owner?: string
}

export interface ExpandedExchange extends ExpandedTarget {
  readonly refresh: boolean
  readonly flavour: ExchangeFlavour
  readonly at?: { readonly issuer: string; readonly insecure: boolean; readonly client: ExpandedClient }
}

export interface ExpandedLinked {
  readonly issuer?: string
  readonly insecure: boolean
  readonly client?: ExpandedClient
  readonly scope: readonly string[]
  readonly resource?: string | false
  readonly origins: readonly string[]
}

export interface ExpandedInstallation {
  readonly app: string
  readonly key: string
  readonly installation: string
  readonly issuer: string
  readonly repositories: readonly string[]
  readonly permissions: Readonly<Record<string, 'read' | 'write' | 'admin'>>
}

export interface ExpandedDownstream {
  readonly url: string
  readonly insecure: boolean
  readonly resource: string
  readonly operations: readonly ExpandedOperation[]
  readonly guard: 'auto' | 'on' | 'off'
  readonly exchange?: ExpandedExchange
  readonly 'client-credentials'?: ExpandedTarget
  readonly static?: ExpandedStatic
  readonly oauth?: ExpandedLinked
  readonly 'github-app'?: ExpandedInstallation
  readonly provider?: ProviderName
  /** These three stand beside `provider`. */
  readonly issuer?: string
  readonly client?: ExpandedClient
  readonly scope?: readonly string[]
}

export interface ExpandedVaultLogin {
  readonly token?: string
  readonly approle?: { readonly role: string; readonly secret: string; readonly mount: string }
}

export interface ExpandedVault {
  readonly address: readonly string[]
  readonly insecure: boolean
  readonly namespace?: string
  readonly ca?: string
  readonly mounts: { readonly kv: string; readonly transit: string }
  readonly logins: Readonly<Record<'runtime' | 'connecting' | 'keeper', ExpandedVaultLogin>>
}
