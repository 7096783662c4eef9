import type { EpochSeconds } from './units.ts'

/** What a server says of one of its tools, as it stood when it was seen. */
export interface ToolDefinition {
  /** `sha256:` and 64 hex digits, over all that a model or a client goes by. */
  readonly digest: string
  readonly at: EpochSeconds
  /** For people. Bounded; absent where the server gives none. */
  readonly title?: string
  readonly description?: string
  /** Canonical JSON of what the digest is over, for whoever reviews it. Bounded: a longer one is cut. */
  readonly text?: string
}

/** Whose word a pin is. */
export type PinnedBy = 'first-seen' | 'configuration' | 'administrator'

/** The definition that a tool is held to, beside the one that its server gave last. */
export interface ToolPin {
  readonly tenant: string
  readonly server: string
  readonly tool: string
  /** Absent where no definition was seen yet that could be one. */
  readonly pinned?: ToolDefinition & { readonly by: PinnedBy }
  /** `fault`: why it is not usable, whatever the pin. */
  readonly seen?: ToolDefinition & { readonly fault?: string }
}
