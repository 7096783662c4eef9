import type { Principal } from './principal.ts'
import type { EpochSeconds, Seq } from './units.ts'

/** A person in a browser, who has signed in at the login issuer through sallyport's own client there. */
export interface Visitor {
  readonly principal: Principal
  /** What a page calls them; never a key, never a policy input. */
  readonly name?: string
  readonly authTime: EpochSeconds
  /** Which time of the ID token that is; `auth_time` where nothing is said. */
  readonly authTimeFrom?: 'auth_time' | 'iat'
  /** The IdP's own session. */
  readonly idpSid?: string
  readonly groups: readonly string[]
  readonly groupsComplete: boolean
  readonly workflow?: string
  readonly expiresAt: EpochSeconds
  /** The log position when they came; a cut after it makes the browser nobody's. */
  readonly rev: Seq
}
