import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBearer } from '../egress/index.ts'
import { type Access, asSallyportError, SallyportError, type Server } from '../model/index.ts'
import { checkBodiless, type Era, eraOfMessage, type Versions, versionsFor } from './era.ts'
import { forward } from './forward.ts'
import type { Fronted, Inside } from './gateway.ts'
import { type Head, readHead } from './head.ts'
import { idOf, type Message, readMessage, type RequestId } from './message.ts'
import { resourceMetadata } from './metadata.ts'
import { checkDoor, collect } from './receive.ts'
import { refuse, unknownTool } from './refusal.ts'
import { decideCall, recordRefusedCall } from './tool-call.ts'

/** One request at the gateway, with what was found out about it so far, for its answer should it fail. */
interface Turn {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly requestId: string
  fronted: Fronted | undefined
  id: RequestId | undefined
  versions: Versions | undefined
}

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
  const fronted = inside.endpoints.get(path)
  // A query has no meaning here, and is where tokens are put that no log should see.
  if (fronted === undefined) throw new SallyportError(path.includes('?') ? 'request_malformed' : 'not_found')
  turn.fronted = fronted
  const { method = '' } = req
  if (!methods.split(', ').includes(method)) throw new SallyportError('method_refused')
  const access = await identify(head, fronted.server, inside)
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

interface Known {
  readonly head: Head
  readonly access: Access
  readonly fronted: Fronted
}

async function post(turn: Turn, { head, access, fronted }: Known, inside: Inside): Promise<void> {
  const { req, res, requestId } = turn
  if (!/^application\/json(?:$|[ ;])/i.test(head.type ?? '') || head.encoded)
    throw new SallyportError('media_type_refused')
  const body = await collect(req, head, inside)
  const message = readOr(body, turn)
  if (message.kind === 'request') turn.id = message.id
  const era = eraOr(turn, message, head)
  if (head.session !== undefined) inside.sessions.check(head.session, fronted.server.name, access)
  const passing = { requestId, method: 'POST', body, head, access, fronted, era }
  if (message.kind !== 'request' || message.method !== 'tools/call') {
    forward({ ...passing, message, call: undefined }, res, inside)
    return
  }
  callTool(passing, message, { turn, inside })
}

/** A tool that may not be called is, for its client, one that does not exist. Why it may not be stands in the record. */
function callTool(
  passing: Known & { requestId: string; method: string; body: Buffer; era: Era },
  message: Extract<Message, { kind: 'request' }>,
  { turn, inside }: { readonly turn: Turn; readonly inside: Inside },
): void {
  const decided = decideCall(message, passing.access, passing.fronted.server, inside)
  if (decided.effect === 'allow') {
    forward({ ...passing, message, call: decided.call }, turn.res, inside)
    return
  }
  recordRefusedCall(decided, { ...passing, requestId: turn.requestId }, inside)
  if (!decided.hidden) throw new SallyportError(decided.reason, { rule: decided.rule })
  const answer = unknownTool(message.id, message.params['name'] ?? null)
  turn.res
    .writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(answer),
    })
    .end(answer)
}

function eraOr(turn: Turn, message: Message, head: Head): Era {
  try {
    return eraOfMessage(message, head)
  } catch (error) {
    const known = asSallyportError(error)
    if (known.code === 'protocol_version_unsupported') turn.versions = versionsFor(message, head)
    throw known
  }
}

function readOr(body: Buffer, turn: Turn): Message {
  try {
    return readMessage(body)
  } catch (error) {
    turn.id = idOf(body)
    throw error
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
