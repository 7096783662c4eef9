/**
 * What a team's harness and its members say to one another. A person whose name begins with `linked` has a linked
 * account, anybody else a grant by exchange.
 */
import type { VaultOptions } from '../../../src/storage/secrets/vault-options.ts'

/** A vault's login as plain data. */
export interface PlainLogin {
  readonly role: string
  readonly secret: string
  readonly mount: string
}

export interface MemberPlan {
  readonly issuer: string
  readonly tenant: string
  readonly group: string
  /** Where its secret store is; a proxy's address, for a member of its own. */
  readonly addresses: readonly string[]
  readonly mounts: VaultOptions['mounts']
  readonly logins: Readonly<Record<'runtime' | 'connecting' | 'keeper', PlainLogin>>
  /** A folder of its own, for its state. */
  readonly folder: string
}

/** A moment of a refresh at which a member can be made to wait: its request is about to go, or its answer has come. */
export type Moment = 'before the token call' | 'after the token call'

/** What an account was linked with; absent tokens: only the row and the person's consent are kept, not the grant. */
export interface LinkedTokens {
  readonly rt: string
  readonly at: string
  /** Seconds that `at` lives. */
  readonly life: number
}

export type Order =
  | { readonly do: 'hand'; readonly subject: string; readonly token: string }
  | { readonly do: 'link'; readonly subject: string; readonly tokens?: LinkedTokens }
  /** Asks for the person's credential so many times at once. */
  | { readonly do: 'acquire'; readonly subject: string; readonly times: number }
  /** The downstream answered 401 to the credential that it gave last. */
  | { readonly do: 'refused'; readonly subject: string }
  | { readonly do: 'clock'; readonly ahead: number }
  | { readonly do: 'halt'; readonly at: Moment }
  | { readonly do: 'go' }
  /** Cuts the person: the whole procedure, from the durable entry to the provider. */
  | { readonly do: 'revoke'; readonly subject: string }
  /** Writes `sallyport_unsaved_grants`. */
  | { readonly do: 'unsaved' }
  | { readonly do: 'close' }

/** How often each access token, or code of a failure, was given. */
export type Tally = Readonly<Record<string, number>>

export interface Told {
  readonly tokens: Tally
  readonly codes: Tally
}

export type FromMember =
  | { readonly event: 'ready' }
  | { readonly event: 'halted'; readonly at: Moment }
  | { readonly event: 'done'; readonly order: number; readonly result: unknown }
  | { readonly event: 'failed'; readonly order: number; readonly why: string }
