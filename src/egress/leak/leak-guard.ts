import { type Credential, type Downstream, SallyportError, type Secret } from '../../model/index.ts'
import { isJwt, lengthOf, needlesOf } from './needles.ts'
import { Search } from './search.ts'

export interface LeakGuard {
  /**
   * How the downstream's answers are searched for the credential; undefined where they are not.
   * @throws credential_too_short where they should be and cannot
   */
  searchFor(downstream: Pick<Downstream, 'guard' | 'credential'>, credential: Credential): Search | undefined
  /** Whether a short text of the downstream's holds the credential, whether its answers are searched or not. */
  standsIn(credential: Credential, text: string): boolean
}

interface Known {
  readonly jwt: boolean
  /** Made when it is first asked for; undefined inside for a credential that is too short. */
  search?: { readonly by: Search | undefined }
}

/** Remembers what it worked out for a credential for as long as that is held. */
export function createLeakGuard(): LeakGuard {
  const known = new WeakMap<Secret, Known>()
  const look = (credential: Credential): Known => {
    const { secret } = credential
    const found = known.get(secret)
    if (found !== undefined) return found
    const made = { jwt: isJwt(secret) }
    known.set(secret, made)
    return made
  }
  const searchBy = (credential: Credential, of: Known): Search | undefined => {
    if (of.search === undefined) {
      const needles = needlesOf(credential)
      of.search = { by: needles === undefined ? undefined : new Search(needles) }
    }
    return of.search.by
  }
  return {
    searchFor: ({ guard = 'auto', credential: source }, credential) => {
      if (guard === 'off') return undefined
      const of = look(credential)
      if (guard === 'auto' && of.jwt && source.kind !== 'static') return undefined
      const search = searchBy(credential, of)
      if (search === undefined) throw new SallyportError('credential_too_short')
      return search
    },
    standsIn: (credential, text) => {
      const of = look(credential)
      // A JWT has no part that is a credential by itself, and most are longer than such a text.
      if (of.jwt && lengthOf(credential.secret) > text.length) return false
      return searchBy(credential, of)?.standsInText(text) ?? false
    },
  }
}
