import type {
  Connection,
  Credential,
  CredentialSource,
  Downstream,
  Principal,
  Server,
} from '../../model/index.ts'
import type { ConnectionIndex } from '../../storage/index.ts'
import type { Challenge } from '../challenge.ts'

/** Whose accounts they are, and for which server. */
export interface Person {
  readonly principal: Principal
  readonly server: Server
}

/** As many scopes as one can read on a page before agreeing. */
const most = 50

/**
 * What was asked for when an account was linked, where its downstream may ask for more: what is configured is all
 * that is ever asked for, and a provider of the catalogue does not speak of scopes in this way.
 */
export function askedFor(
  source: CredentialSource,
  { requested, scopes }: Connection,
): readonly string[] | undefined {
  const open = source.kind === 'linked' && source.provider === undefined && source.scope.length === 0
  return open ? (requested ?? scopes ?? []) : undefined
}

/**
 * What a refusal by the downstream (RFC 6750 §3.1) shows to be missing, if asking the person again could help: what
 * was asked for already is not asked for again, or he would go in a circle.
 */
export function missingScopes(
  { asked }: Pick<Credential, 'asked'>,
  { error, scopes = [] }: Challenge,
): readonly string[] | undefined {
  if (asked === undefined || error !== 'insufficient_scope') return undefined
  const fresh = scopes.filter((scope) => !asked.includes(scope))
  return fresh.length > 0 && asked.length + fresh.length <= most ? fresh : undefined
}

/** The scopes to ask for besides the usual: what an account had, and what its downstream has found missing since. */
export async function scopesBesides(
  downstream: Downstream,
  { principal, server }: Person,
  { connections }: { readonly connections: Pick<ConnectionIndex, 'list'> },
): Promise<readonly string[]> {
  const all = await connections.list(principal.tenant, { kind: 'user', principal })
  return all
    .filter(({ status, place }) => {
      const here = place.downstream === downstream.name && place.group === server.group
      return here && status === 'active'
    })
    .flatMap(({ requested = [], wanted }) => (wanted === undefined ? [] : [...requested, ...wanted]))
}
