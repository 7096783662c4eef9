import { type GuardedFetch, SallyportError } from '../../model/index.ts'
import type { Linked } from '../flavours/linked.ts'
import { callProvider } from '../providers/call.ts'
import { type Account, accountOf, isText } from '../providers/provider.ts'
import type { LinkedRegistration } from './registrations.ts'

/** The name that people know an account by, from an ID token (OIDC Core §5.1). */
function nameIn(identity: Readonly<Record<string, unknown>>): string | undefined {
  return ['preferred_username', 'email', 'name'].map((claim) => identity[claim]).find(isText)
}

/**
 * Whose account was linked: from the answer itself, or by asking the provider with the fresh token. Undefined where a
 * server says nothing about it. @throws exchange_response_refused where it should have
 */
export async function accountBehind(
  { secret, identity, more }: Linked,
  { issuer, linked }: LinkedRegistration,
  fetch: GuardedFetch,
): Promise<Account | undefined> {
  const { provider } = linked
  if (provider === undefined)
    return identity === undefined ? undefined : accountOf(identity['sub'], nameIn(identity))
  const { accountIn, accountAt, endpoints } = provider
  const said = accountIn?.(more, identity)
  const { account: url } = endpoints(issuer)
  if (said !== undefined || accountAt === undefined || url === undefined) return orRefuse(said)
  const { headers, read } = accountAt
  const call = {
    method: 'GET' as const,
    url,
    authorization: secret,
    ...(headers === undefined ? {} : { headers }),
  }
  const { status, body } = await callProvider(call, undefined, fetch)
  return orRefuse(status === 200 && body !== undefined ? read(body) : undefined)
}

/** A provider of the catalogue always tells; one that does not is not what it seems. */
function orRefuse(account: Account | undefined): Account {
  if (account === undefined) throw new SallyportError('exchange_response_refused', { field: 'account' })
  return account
}
