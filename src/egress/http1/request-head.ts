import type { Outgoing } from '../transport.ts'
import { type FieldNames, isFieldValue } from './field.ts'

const method = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Visible ASCII: what can stand in a request line without ending it. */
const target = /^\/[\x21-\x7e]*$/
/** Methods whose requests have a body by nature: without one they say so (RFC 9110 §8.6). */
const withBody = new Set(['POST', 'PUT', 'PATCH'])
/** Written here, from what is really sent. */
const own = new Set(['host', 'connection', 'content-length', 'transfer-encoding'])

/**
 * The head of a request in one text of Latin-1 (RFC 9112 §3). Every piece is judged here again, whoever judged it
 * before: no piece can end its line.
 * @throws TypeError, without the text that is at fault
 */
export function writeHead(request: Outgoing, host: string, names: FieldNames): string {
  const { headers } = request
  if (!method.test(request.method) || !target.test(request.path)) throw new TypeError('request line')
  let text = `${request.method} ${request.path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    const value = headers[index + 1] ?? ''
    if (names.of(name) !== name || own.has(name) || !isFieldValue(value)) throw new TypeError('header field')
    text += `${name}: ${value}\r\n`
  }
  return `${text}${framing(request)}\r\n`
}

function framing({ body, length, method: name }: Outgoing): string {
  if (body === null) return withBody.has(name) ? 'content-length: 0\r\n' : ''
  if (body instanceof Uint8Array) return `content-length: ${body.length}\r\n`
  return length === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`
}
