import type { OAuthClient } from '../model/index.ts'
import type { Provider } from './providers/provider.ts'

/** One client of ours at one authorization server. */
export interface Registration {
  readonly issuer: string
  readonly client: OAuthClient
  /** Where people link their accounts: what is known of the server, and where else its endpoints may be. */
  readonly linked?: { readonly provider?: Provider; readonly origins: readonly string[] }
}
