import type { FastifyInstance } from 'fastify'
import { asSallyportError, SallyportError } from '../model/index.ts'
import { errorPage, messagePage } from '../pages/index.ts'
import { mountCallback } from './callback.ts'
import { mountConnect } from './connect.ts'
import type { AccountsDeps, Inside } from './deps.ts'
import { mountOwnAccounts } from './own-accounts.ts'
import { send } from './send.ts'

/** First segments of the paths that are this room's, as parts of a regular expression. */
export const accountsPaths: readonly string[] = ['connect', 'accounts', String.raw`client-metadata\.json`]

/** Each field once; twice the same is two readings. @throws request_malformed */
function fieldsOf(body: string): Readonly<Record<string, string>> {
  const parsed = new URLSearchParams(body)
  const fields = new Map<string, string>()
  for (const [name, value] of parsed) {
    if (fields.has(name)) throw new SallyportError('request_malformed')
    fields.set(name, value)
  }
  return Object.fromEntries(fields)
}

/** The routes for people. Errors are pages here, in the words of the error table. */
export async function mountAccounts(app: FastifyInstance, deps: AccountsDeps): Promise<void> {
  await app.register(async (scope) => {
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      async (_request: unknown, body: string) => fieldsOf(body),
    )
    scope.setErrorHandler((error, request, reply) => {
      const known = fromRoute(error)
      if (known.row.status >= 500) request.log.error({ code: known.code })
      return send(reply, errorPage(known, request.id), known.row.status)
    })
    const { people } = deps
    if (people === undefined) mountNobody(scope)
    else {
      const inside: Inside = { ...deps, people }
      mountCallback(scope, inside)
      mountConnect(scope, inside)
      mountOwnAccounts(scope, inside)
    }
  })
}

/** fastify's own refusals of a body are the caller's doing. */
function fromRoute(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error
  const { statusCode = 500 } = error as { statusCode?: number }
  return statusCode < 500 ? new SallyportError('request_malformed', {}, error) : asSallyportError(error)
}

/** Without a client at the IdP nobody can show who he is. */
function mountNobody(app: FastifyInstance): void {
  const page = messagePage({
    heading: 'Nobody can sign in here',
    sentence:
      'A tool that you called needs your own access to a service, and people cannot link their accounts here.',
    next: 'Ask whoever runs sallyport to put yours in with “sallyport connect”, or to configure login.client. Never give a password, token or key to a chat.',
  })
  for (const path of ['/connect/:downstream', '/accounts'])
    app.get(path, async (_request, reply) => send(reply, page))
}
