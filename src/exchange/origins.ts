import type { CredentialSource } from '../model/index.ts'
import { catalogue } from './providers/catalogue.ts'
import { githubApi } from './providers/github.ts'

/** The origins that a credential source makes us dial, as far as the configuration tells; metadata may name more. */
export function originsOf(source: CredentialSource): readonly string[] {
  switch (source.kind) {
    case 'exchange':
      return [source.issuer, ...(source.at === undefined ? [] : [source.at.issuer])]
    case 'client-credentials':
      return [source.issuer]
    case 'github-app':
      return [githubApi(source.issuer)]
    case 'linked': {
      const { provider, issuer, origins } = source
      if (issuer === undefined) return origins
      if (provider === undefined) return [issuer, ...origins]
      const { authorization: _visited, ...called } = catalogue[provider].endpoints(issuer)
      // What no endpoint leads to is GitHub's, and only its revocation does.
      const api = provider === 'github' ? [githubApi(issuer)] : []
      return [...Object.values(called), ...api]
    }
    case 'static':
      return []
  }
}
