import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBearer } from '../egress/index.ts'
import { type Access, asSallyportError, SallyportError, type Server } from '../model/index.ts'
import { answerCatalog } from './catalog/answer.ts'
import { checkBodiless } from './era.ts'
import { forward } from './forward.ts'
import type { Inside } from './inside.ts'
import { type Head, readHead } from './head.ts'
import { resourceMetadata } from './metadata.ts'
import { post, type Turn } from './post.ts'
import { checkDoor } from './receive.ts'
import { refuse } from './refusal.ts'

/**
 * The life of one request: receive → route → identify → parse → decide → mint → forward. Never throws; what fails is
 * answered in JSON-RPC, with the status that MCP gives it.
 */
export async function handle(req: IncomingMessage, res: ServerResponse, inside: Inside): Promise<void> {
  const turn: Turn = {
    req,
    res,
    requestId: inside.newRequestId(),
    fronted: undefined,
    id: undefined,
    versions: undefined,
  }
  try {
    await live(turn, inside)
  } catch (error) {
    fail(turn, asSallyportError(error), inside)
  }
}

const methods = 'GET, POST, DELETE'

async function live(turn: Turn, inside: Inside): Promise<void> {
  const { req, res } = turn
  const head = readHead(req)
  checkDoor(head, inside)
  const path = req.url ?? ''
  const document = inside.documents.get(path)
  if (document !== undefined) {
    answerMetadata(turn, document, inside)
    return
  }
  const shelf = inside.catalogs.get(path)
  if (shelf !== undefined) {
    await answerCatalog(turn, shelf, { inside, enter: () => identify(head, shelf.server, inside) })
    return
  }
  const fronted = inside.endpoints.get(path)
  // A query has no meaning here, and is where tokens are put that no log should see.
  if (fronted === undefined) throw new SallyportError(path.includes('?') ? 'request_malformed' : 'not_found')
  turn.fronted = fronted
  const { method = '' } = req
  if (!methods.split(', ').includes(method)) throw new SallyportError('method_refused')
  const access = await identify(head, fronted.server, inside)
  inside.places.take(access.session.principal, res)
  if (method === 'POST') await post(turn, { head, access, fronted }, inside)
  else {
    checkBodiless(head)
    if (head.session !== undefined) inside.sessions.check(head.session, fronted.server.name, access)
    const { requestId } = turn
    forward(
      { requestId, method, body: null, head, access, fronted, era: 'legacy', call: undefined },
      res,
      inside,
    )
  }
}

function identify(head: Head, server: Server, inside: Inside): Access | Promise<Access> {
  const { authorization } = head
  const anonymous = authorization === undefined ? inside.anonymous(server) : undefined
  return anonymous ?? inside.identity.enterAt(readBearer(authorization), server)
}

/** Anybody may read it, pages too: a client that signs in runs in a browser at times (RFC 9728 §3.1). */
function answerMetadata({ req, res }: Turn, server: Server, { issuer }: Inside): void {
  const open = { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, HEAD, OPTIONS' }
  if (req.method === 'OPTIONS') res.writeHead(204, { ...open, 'access-control-allow-headers': '*' }).end()
  else if (req.method !== 'GET' && req.method !== 'HEAD')
    res.writeHead(405, { allow: 'GET, HEAD, OPTIONS' }).end()
  else {
    const body = JSON.stringify(resourceMetadata(server, issuer))
    const headers = { ...open, 'content-type': 'application/json', 'cache-control': 'public, max-age=60' }
    res.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
  }
}

function fail(
  { req, res, requestId, fronted, id, versions }: Turn,
  error: SallyportError,
  { log }: Inside,
): void {
  if (error.row.status >= 500)
    log.warn('gateway_failed', { request: requestId, server: fronted?.server.name }, error)
  const headers = error.code === 'method_refused' ? { allow: methods } : {}
  refuse(res, error, { id, requestId, metadata: fronted?.metadata, versions, headers })
  // What is left of a body that is not wanted is not waited for.
  if (!req.complete) req.resume()
}
