import type { RiskClass } from './downstream.ts'
import type { Matcher } from './rule.ts'
import type { Secret } from './secret.ts'

/** A downstream, or one operation of it. Without `operation`: every operation that the class permits. */
export interface Use {
  readonly downstream: string
  readonly operation?: string
  /** Which parts of a request a call's parameters fix (design §5): `path.id` to `order_id`. Of tools only. */
  readonly bind?: Readonly<Record<string, string>>
  /** Parts that the server may choose. */
  readonly free?: readonly string[]
  /** No query parameter and no member of the body may stand in a request that is neither bound nor free. */
  readonly rest?: 'refuse'
  /** How many requests a call may make by this use. */
  readonly times?: number
  /** Nothing is implied by the class of the operation: only what `bind` says is held. */
  readonly unbound?: boolean
}

/** A tool as configured. Without a gateway it is known to `explain` and `validate` only. */
export interface Tool {
  readonly name: string
  readonly class: RiskClass
  readonly uses: readonly Use[]
  readonly allow?: readonly Matcher[]
  /** Who may not, or not with these parameters; wins over `allow`. */
  readonly deny?: readonly Matcher[]
  /** What rules and switches may name it by, besides its name and class. */
  readonly labels?: readonly string[]
  /** The person confirms each call himself; not built yet, so the tool is refused. */
  readonly confirm?: string
  /** Others approve each call; not built yet, so the tool is refused. */
  readonly approve?: { readonly by: string; readonly people: number }
  /** Parameters that stand in the record of a call, besides those that its uses bind. */
  readonly record?: readonly string[]
  /** Parameters that do not, though they are bound. */
  readonly redact?: readonly string[]
  /** The digest of the definition that the tool is held to; without it, the first one that is seen. */
  readonly pin?: string
  readonly summary?: string
  readonly owner?: string
}

/** An MCP server that routes its downstream calls through the egress. */
export interface Server {
  readonly name: string
  /** Where the gateway reaches it. */
  readonly url?: string
  /** In place of `url`: a program that speaks on standard input and output, and the whole of its environment. */
  readonly stdio?: {
    readonly command: readonly string[]
    readonly env: Readonly<Record<string, string>>
  }
  readonly resource: string
  /** What a subject token's `aud` may name to be for this server; by default its resource. */
  readonly audiences: readonly string[]
  /** Further audiences that a foreign token may carry besides; none by default. */
  readonly extraAudiences: readonly string[]
  /** Whether the egress takes the subject token that the server received. */
  readonly acceptSubjectToken: boolean
  readonly group: string
  readonly allow: readonly Matcher[]
  readonly deny: readonly Matcher[]
  /** What a session token may do without a call (design §5): nothing by default. */
  readonly direct: readonly Use[]
  readonly tools: readonly Tool[]
  /** What `CONNECT` reaches, as `host:port` in lower case; nothing where it is left out. */
  readonly connect?: readonly string[]
  /** Client authentication at the token endpoint besides the capability file. */
  readonly client?: { readonly id: string; readonly secret: Secret }
  readonly environment?: string
  /** Reads that would be refused pass and are recorded as such; writes are held to the rules. */
  readonly observe?: boolean
  /** Whom clients without a token stand for; loopback only. */
  readonly anonymous?: string
}
