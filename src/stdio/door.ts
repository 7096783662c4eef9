import { timingSafeEqual } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { listenerOptions, readBearer } from '../egress/index.ts'
import { asSallyportError, type ErrorCode, renderProblem, SallyportError } from '../model/index.ts'

export interface DoorParts {
  /** Where the socket is to be; its folder is made for it alone, and removed with it. */
  readonly path: string
  /** What a child shows in place of a token. */
  readonly capability: string
  /** The tokens of the calls of this child that are open now. */
  readonly tokens: () => readonly string[]
  /** `Egress.handle`. */
  readonly egress: (req: IncomingMessage, res: ServerResponse) => void
  readonly refused: (code: ErrorCode, requestId: string) => void
  readonly newRequestId: () => string
}

export interface Door {
  close(): void
}

const headersTimeoutMs = 15_000
/** How many connections one child may have open. */
const connections = 64

/**
 * A child's own way to the egress: `/downstream/…` and `/downstreams`, with the token of a call of this child, or with its capability
 * where there is one call that can be meant. What passes is judged by the egress as everything is.
 * @throws server_not_started
 */
export async function openDoor(parts: DoorParts): Promise<Door> {
  const folder = dirname(parts.path)
  const server = createServer(listenerOptions(headersTimeoutMs), (req, res) => enter(req, res, parts))
  server.maxConnections = connections
  const close = () => {
    server.close()
    server.closeAllConnections()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    mkdirSync(folder, { mode: 0o700 })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(parts.path, resolve)
    })
  } catch (error) {
    close()
    throw new SallyportError('server_not_started', {}, error)
  }
  return { close }
}

function enter(req: IncomingMessage, res: ServerResponse, parts: DoorParts): void {
  try {
    const token = admit(req, parts)
    if (token !== undefined) req.rawHeaders.push('Authorization', `Bearer ${token}`)
  } catch (thrown) {
    const error = asSallyportError(thrown)
    const requestId = parts.newRequestId()
    parts.refused(error.code, requestId)
    const { status, headers, body } = renderProblem(error, requestId)
    res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
    req.resume()
    return
  }
  parts.egress(req, res)
}

/**
 * The token that the request is to have where it has none.
 * @throws not_found, token_*, call_of_another_session, client_auth_failed, call_not_single
 */
function admit(
  { url = '', rawHeaders }: IncomingMessage,
  { tokens, capability }: DoorParts,
): string | undefined {
  if (!url.startsWith('/downstream/') && url !== '/downstreams') throw new SallyportError('not_found')
  const open = tokens()
  const shown = valuesOf(rawHeaders, 'authorization')
  if (shown.length > 0) {
    // A second one is refused by the egress.
    if (shown.some((value) => !open.includes(readBearer(value))))
      throw new SallyportError('call_of_another_session')
    return undefined
  }
  const [told, second] = valuesOf(rawHeaders, 'sallyport-capability')
  if (told === undefined) throw new SallyportError('token_missing')
  if (second !== undefined || !isSame(told, capability)) throw new SallyportError('client_auth_failed')
  const [token, another] = open
  // Which of several is meant is not guessed.
  if (token === undefined || another !== undefined) throw new SallyportError('call_not_single')
  return token
}

function valuesOf(raw: readonly string[], name: string): string[] {
  return raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name)
}

function isSame(told: string, known: string): boolean {
  const [one, other] = [Buffer.from(told), Buffer.from(known)]
  return one.length === other.length && timingSafeEqual(one, other)
}
