import { isJsonObject, type Json, type JsonObject, parseStrictJson, SallyportError } from '../model/index.ts'

export type RequestId = string | number

/** One JSON-RPC 2.0 message as a client sends it; what is not one of these is refused. */
export type Message =
  | {
      readonly kind: 'request'
      readonly id: RequestId
      readonly method: string
      readonly params: JsonObject
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'response'; readonly id: RequestId }

const none: JsonObject = {}

/** What a message has, and what is judged of its parameters. */
const members = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
const judged = new Set(['name', 'arguments', 'uri', 'taskid', 'task', 'protocolversion', '_meta'])
const spelled = new Set(['name', 'arguments', 'uri', 'taskId', 'task', 'protocolVersion', '_meta'])

/**
 * Reads a body. Whoever reads it after us reads the same: names stand once, numbers are not rounded, there is one
 * message (batches went with revision 2025-06-18).
 * @throws json_malformed, json_ambiguous, message_malformed
 */
export function readMessage(body: Buffer): Message {
  const message = parseStrictJson(decoded(body))
  if (!isJsonObject(message) || message['jsonrpc'] !== '2.0') throw malformed()
  if (Object.keys(message).some((name) => !members.has(name))) throw malformed()
  const { id, method, params = none } = message
  if (method === undefined) return readResponse(message)
  if (typeof method !== 'string' || method === '' || !isJsonObject(params)) throw malformed()
  if ('result' in message || 'error' in message) throw malformed()
  if (Object.keys(params).some(isTwin)) throw new SallyportError('json_ambiguous')
  // JSON-RPC has calls that nobody answers, and some servers would do them; MCP has none.
  if (!('id' in message) && !method.startsWith('notifications/')) throw malformed()
  if (!('id' in message)) return { kind: 'notification', method, params }
  return { kind: 'request', id: readId(id), method, params }
}

function readResponse(message: JsonObject): Message {
  if ('result' in message === 'error' in message || 'params' in message) throw malformed()
  return { kind: 'response', id: readId(message['id']) }
}

/** Some servers read names without regard to case, as Go's `encoding/json` does: for them `Name` is `name`. */
function isTwin(name: string): boolean {
  return !spelled.has(name) && judged.has(name.toUpperCase().toLowerCase())
}

/** The id of a body that is refused, if it can be told: an answer should carry it. */
export function idOf(body: Buffer): RequestId | undefined {
  try {
    const message = parseStrictJson(decoded(body))
    return isJsonObject(message) ? readId(message['id']) : undefined
  } catch {
    return undefined
  }
}

function readId(id: Json | undefined): RequestId {
  if (typeof id === 'string' ? id.length <= 1024 : typeof id === 'number') return id as RequestId
  throw malformed()
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(body: Buffer): string {
  try {
    return utf8.decode(body)
  } catch (error) {
    throw new SallyportError('json_malformed', {}, error)
  }
}

const malformed = (): SallyportError => new SallyportError('message_malformed')
