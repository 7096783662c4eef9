import { isJsonObject, type Json, type JsonObject, parseStrictJson } from '../model/index.ts'

export type RequestId = string | number

/** One message of JSON-RPC 2.0. */
export type Message =
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly whole: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly whole: JsonObject }
  | { readonly kind: 'response'; readonly id: RequestId; readonly whole: JsonObject }

/** What a line is that is no message. `answers`: the request that it seems to answer, which will get no other. */
export interface Unreadable {
  readonly kind: 'unreadable'
  readonly answers?: RequestId
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads a line as strictly as the gateway reads what a client sends: whoever reads it after us reads the same. */
export function readLine(line: Buffer): Message | Unreadable {
  let text = ''
  try {
    text = utf8.decode(line)
    const value = parseStrictJson(text)
    return (isJsonObject(value) ? readMessage(value) : undefined) ?? unreadable(text)
  } catch {
    return unreadable(text)
  }
}

const members = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

/** A message that is JSON already. Undefined for what is none. */
export function readMessage(whole: JsonObject): Message | undefined {
  const { jsonrpc, id, method, params } = whole
  if (jsonrpc !== '2.0' || Object.keys(whole).some((name) => !members.has(name))) return undefined
  if (method === undefined) {
    const one = 'result' in whole !== 'error' in whole && !('params' in whole)
    return one && isId(id) ? { kind: 'response', id, whole } : undefined
  }
  if (typeof method !== 'string' || 'result' in whole || 'error' in whole) return undefined
  if (params !== undefined && !isJsonObject(params)) return undefined
  if (!('id' in whole)) return { kind: 'notification', method, whole }
  return isId(id) ? { kind: 'request', id, method, whole } : undefined
}

const isId = (id: Json | undefined): id is RequestId =>
  typeof id === 'string' ? id.length <= 1024 : typeof id === 'number'

/** Whoever waits for an answer that cannot be read should not wait any longer. */
function unreadable(text: string): Unreadable {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || 'method' in value || !('id' in value))
      return { kind: 'unreadable' }
    const { id } = value as { readonly id: Json }
    return isId(id) ? { kind: 'unreadable', answers: id } : { kind: 'unreadable' }
  } catch {
    return { kind: 'unreadable' }
  }
}

export const paramsOf = ({ whole }: Message): JsonObject => member(whole, 'params')
export const metaOf = (message: Message): JsonObject => member(paramsOf(message), '_meta')

function member(of: JsonObject, name: string): JsonObject {
  const found = of[name]
  return isJsonObject(found) ? found : {}
}

/** The key of a call's token in `params._meta`, and the prefix that is ours (MCP, `_meta`: reverse DNS). */
const tokenKey = 'dev.sallyport/token'
const ours = 'dev.sallyport/'

/** A message of a client as its child gets it: nothing under our prefix but what is put there here. */
export function withMeta(message: Message, own: JsonObject): JsonObject {
  const { whole } = message
  const meta = metaOf(message)
  const kept = Object.entries(meta).filter(([name]) => !name.toLowerCase().startsWith(ours))
  if (kept.length === Object.keys(meta).length && Object.keys(own).length === 0) return whole
  return { ...whole, params: { ...paramsOf(message), _meta: { ...Object.fromEntries(kept), ...own } } }
}

export const tokenMeta = (token: string): JsonObject => ({ [tokenKey]: token })
