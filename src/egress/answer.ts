import type { ServerResponse } from 'node:http'
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
  // RFC 9110 §15.5.9: what else comes on a connection that stalled is not waited for.
  const close = status === 408 ? { connection: 'close' } : {}
  res.writeHead(status, { ...headers, ...close, 'sallyport-request-id': requestId })
  res.end(body)
}

/** Answers with JSON that no cache may keep. */
export function answerJson(res: ServerResponse, body: unknown, requestId: string): void {
  res.writeHead(200, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'sallyport-request-id': requestId,
  })
  res.end(JSON.stringify(body))
}
