import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { renderProblem, renderProxyProblem, type SallyportError } from '../model/index.ts'

/** Answers with a problem document (RFC 9457), or, where an answer has begun, ends it so that it shows as broken. */
export function answerProblem(
  res: ServerResponse,
  error: SallyportError,
  requestId: string,
  render: typeof renderProblem | typeof renderProxyProblem = renderProblem,
): void {
  if (res.headersSent) {
    res.destroy()
    return
  }
  const { status, headers, body } = render(error, requestId)
  // RFC 9110 §15.5.9: what else comes on a connection that stalled is not waited for. And what stands behind a request of
  // HTTP/1.0 may be its body or the next one (RFC 9112 §9.3).
  const close = status === 408 || res.req.httpVersion !== '1.1' ? { connection: 'close' } : {}
  answer(res, status, { ...headers, ...close }, { body, requestId })
}

/** How long a refused caller has to take its answer and go. */
const lingerMs = 1000

/** Answers a `CONNECT`, for which there is no `ServerResponse`, with a problem document, and ends the connection. */
export function answerSocket(socket: Socket, error: SallyportError, requestId: string): void {
  const { status, headers, body } = renderProxyProblem(error, requestId)
  const lines = Object.entries({
    ...headers,
    'sallyport-request-id': requestId,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
  socket.on('error', () => undefined)
  // What is still unread would make the kernel answer with a reset, and the caller lose the answer.
  socket.resume()
  const late = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(late))
}

/** Answers with JSON that no cache may keep. */
export function answerJson(res: ServerResponse, body: unknown, requestId: string): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  answer(res, 200, headers, { body: JSON.stringify(body), requestId })
}

/** With its length declared, head and body leave in one write. */
function answer(
  res: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  { body, requestId }: { readonly body: string; readonly requestId: string },
): void {
  res.writeHead(status, {
    ...headers,
    'content-length': Buffer.byteLength(body),
    'sallyport-request-id': requestId,
  })
  res.end(body)
}
