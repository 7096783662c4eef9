import type { FastifyInstance } from 'fastify'
import { isOpen } from './paths.ts'

const may = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'www-authenticate',
}
const asked = {
  'access-control-allow-methods': 'GET, HEAD, POST, OPTIONS',
  'access-control-allow-headers': 'authorization, content-type, mcp-protocol-version',
  'access-control-max-age': '600',
}

/**
 * Lets pages of any origin read what is mounted in a scope, refusals too (Fetch §3.2). Without credentials: no cookie
 * is read there.
 */
export async function openToPages(
  app: FastifyInstance,
  mount: (scope: FastifyInstance) => void,
): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onRequest', async (_request, reply) => {
      void reply.headers(may)
    })
    scope.options('/*', async (request, reply) => {
      if (isOpen(request.url)) return reply.headers(asked).status(204).send()
      reply.callNotFound()
      return reply
    })
    mount(scope)
  })
}
