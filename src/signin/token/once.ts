import type { Once } from '../../identity/index.ts'
import { joinKey, SallyportError } from '../../model/index.ts'
import type { TokenDeps } from './options.ts'
import { ticketId } from './handles.ts'

/** Remembers an assertion until it has ended, for every process on this state. @throws grant_replayed */
export async function onlyOnce(
  kind: 'client-assertion' | 'id-jag',
  { issuer, jti, until }: Once,
  { tickets, clock }: Pick<TokenDeps, 'tickets' | 'clock'>,
): Promise<void> {
  const ticket = { kind, id: ticketId(joinKey(issuer, jti)), expiresAt: until, value: '' }
  if (!(await tickets.put(ticket, clock.now()))) throw new SallyportError('grant_replayed')
}
