import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Access,
  asSallyportError,
  factsOfSession,
  renderProblem,
  SallyportError,
} from '../../model/index.ts'
import type { Fronted, Inside } from '../inside.ts'
import { challenge } from '../refusal.ts'
import { toolWork, workOf } from '../tool-call.ts'
import { catalogOf } from './catalog.ts'

interface Asked {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly requestId: string
}

/** `GET /{server}/catalog`, with the client's token: what its person may use there. No JSON-RPC, so problem details. */
export async function answerCatalog(
  asked: Asked,
  fronted: Fronted,
  { inside, enter }: { readonly inside: Inside; readonly enter: () => Access | Promise<Access> },
): Promise<void> {
  const { req, res, requestId } = asked
  try {
    if (req.method !== 'GET' && req.method !== 'HEAD') throw new SallyportError('method_refused')
    const body = JSON.stringify(catalogFor(await enter(), fronted, inside))
    res
      .writeHead(200, {
        'content-type': 'application/json',
        // What a person may use is that person's, and good until the next decision.
        'cache-control': 'private, no-store',
        'content-length': Buffer.byteLength(body),
        'sallyport-request-id': requestId,
      })
      .end(body)
  } catch (error) {
    const known = asSallyportError(error)
    const { status, headers, body } = renderProblem(known, requestId)
    const allow = known.code === 'method_refused' ? { allow: 'GET, HEAD' } : {}
    res.writeHead(status, { ...headers, ...allow, ...challenge(known, fronted.metadata) }).end(body)
    if (!req.complete) req.resume()
  }
}

function catalogFor(access: Access, { server }: Fronted, inside: Inside) {
  const barred = (tool: string) =>
    inside.gate.check(toolWork(workOf(access), tool, inside.policy), access.rev)
  return {
    server: server.name,
    tools: catalogOf(factsOfSession(access.session), server, { ...inside, barred }),
  }
}
