import type { RiskClass } from './downstream.ts'

/** What is known of an operation, for whoever guesses which tool uses it. */
export interface KnownOperation {
  readonly downstream: string
  readonly method: string
  readonly path: string
  readonly class: RiskClass
  /** Its operationId. */
  readonly name?: string
  /** JSON types of the parameters of its path, as far as they are told. */
  readonly parameters: ReadonlyMap<string, string>
  /** The members of its JSON body with their types; none where it takes no body, absent where nothing is known of it. */
  readonly body?: ReadonlyMap<string, string | undefined>
}

/** What an OpenAPI document says of a downstream. */
export interface KnownApi {
  /** A name for it, as a configuration has them. */
  readonly name: string
  /** Where it is; absent where the document does not say, or nothing that can be used. */
  readonly url?: string
  readonly operations: readonly KnownOperation[]
  /** What of the document is not among them, and why. */
  readonly leftOut: readonly string[]
}

/** An operation that a tool may use, as it would be written. */
export interface ProposedUse {
  /** `orders POST /orders/{id}/refunds`. */
  readonly op: string
  readonly bind?: Readonly<Record<string, string>>
  readonly rest?: 'refuse'
  readonly times?: number
}

export interface ProposedEntry {
  readonly class: RiskClass
  readonly uses: readonly ProposedUse[]
}

/**
 * What an entry of a tool could look like, and why. The texts are not yet fit to be printed: what a server says of itself
 * is in them.
 */
export interface ProposedTool extends ProposedEntry {
  readonly name: string
  /** The digest of the definition that was seen; absent where no entry may be held to it. */
  readonly pin?: string
  /** What the server says of the tool. */
  readonly says?: string
  /** One sentence each: why the class, why the uses. */
  readonly why: { readonly class: string; readonly uses?: string }
  /** What the entry could be once somebody has looked at it. */
  readonly instead?: ProposedEntry
}

/** The operations of one downstream, with the classes that they would get, and why. */
export interface ProposedDownstream {
  readonly name: string
  readonly url: string
  readonly whyUrl: string
  readonly operations: readonly {
    readonly op: string
    readonly class: RiskClass
    readonly why: string
    /** No tool seems to need it: it stands as a comment, and is refused. */
    readonly unused: boolean
  }[]
  /** What a document lists and is not proposed, and why. */
  readonly leftOut: readonly string[]
}

/** A whole configuration to begin with. */
export interface Proposal {
  /** The address of the MCP server. */
  readonly server: string
  readonly tools: readonly ProposedTool[]
  /** Tools that can have no entry. */
  readonly leftOut: readonly string[]
  readonly downstream?: ProposedDownstream
}
