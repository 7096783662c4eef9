import type { ErrorCode } from './errors/codes.ts'

/** The three logins of a vault, each refused on the others' paths (design §2). */
type VaultRole = 'runtime' | 'connecting' | 'keeper'

/** What a look into a vault found that is not as it has to be. Names of paths and roles, and nothing that was stored. */
export type VaultFault =
  | { readonly kind: 'sealed' | 'new' | 'foreign' | 'redirects' | 'away' }
  | { readonly kind: 'login'; readonly role: VaultRole }
  | { readonly kind: 'mount'; readonly name: 'kv' | 'transit'; readonly mount: string }
  | { readonly kind: 'key'; readonly key: string }
  /** A right that the role needs and has not, or has and does not need. */
  | {
      readonly kind: 'right'
      readonly role: VaultRole
      readonly missing: boolean
      /** `create`, `update` … */
      readonly right: string
      readonly path: string
      readonly group: string
    }
  /** The login may not ask what it may do. */
  | { readonly kind: 'rights-unknown'; readonly role: VaultRole }
  /** One login is used for all three. */
  | { readonly kind: 'one-login' }
  /** What could not be done with a grant for a trial: `written`, `read`, `kept from a second writer`, `destroyed`. */
  | {
      readonly kind: 'canary'
      readonly group: string
      readonly what: string
      readonly code: ErrorCode
      readonly field: string
    }
