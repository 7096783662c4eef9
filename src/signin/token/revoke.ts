import { type Form, parseCompact } from '../../identity/index.ts'
import { SallyportError } from '../../model/index.ts'
import type { Client } from '../shapes.ts'
import type { Parts } from './begin.ts'

/**
 * RFC 7009: a client gives back a token of its own, and the session that it is of ends, with everything that stands on
 * it. Whatever else is shown is nothing to this client. @throws request_malformed, and what ending the session throws
 */
export async function revoke(form: Form, client: Client, parts: Parts): Promise<void> {
  const { deps, options } = parts
  const token = form.one('token')
  if (token === undefined) throw new SallyportError('request_malformed', { hint: 'token is required.' })
  const id = parts.refreshTokens.read(token)?.id ?? signInOf(token, parts)
  const signIn = id === undefined ? undefined : await deps.signIns.get(options.tenant, id)
  if (signIn === undefined || signIn.registration !== client.id) return
  await deps.endSession(signIn.session, { by: `client:${client.id}`, cause: 'its token was revoked' })
}

function signInOf(token: string, { accessTokens }: Parts): string | undefined {
  try {
    return accessTokens.signInOf(parseCompact(token))
  } catch (error) {
    if (error instanceof SallyportError) return undefined
    throw error
  }
}
