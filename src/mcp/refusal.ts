import type { ServerResponse } from 'node:http'
import { type Json, type SallyportError } from '../model/index.ts'
import type { Versions } from './era.ts'
import type { RequestId } from './message.ts'

export interface RefusalContext {
  /** Of the message, where it was read. */
  readonly id: RequestId | undefined
  readonly requestId: string
  /** Where the metadata of the resource is (RFC 9728 §5.1); absent where no token would help. */
  readonly metadata: string | undefined
  /** Where the version is the reason: what was asked for, and what is served. */
  readonly versions?: Versions | undefined
  /** Headers that go with this status, such as `allow`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Codes of JSON-RPC 2.0 §5.1 and of MCP; every other refusal has its HTTP status, which is outside what both reserve. */
const rpcCodes = new Map<string, number>([
  ['json_malformed', -32_700],
  ['json_ambiguous', -32_600],
  ['message_malformed', -32_600],
  ['protocol_meta_missing', -32_602],
  ['request_state_invalid', -32_602],
  ['protocol_mismatch', -32_020],
  ['protocol_version_unsupported', -32_022],
])

/** Answers a message that is not sent on. The client learns the reason code and our request id, and nothing of a cause. */
export function refuse(res: ServerResponse, error: SallyportError, context: RefusalContext): void {
  if (res.headersSent) {
    res.end()
    return
  }
  const { row } = error
  const body = rpcError(error, context)
  const late = row.status === 408 || row.status === 413 ? { connection: 'close' } : {}
  res.writeHead(row.status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    'sallyport-request-id': context.requestId,
    ...challenge(error, context.metadata),
    ...retryAfter(error),
    ...late,
    ...context.headers,
  })
  res.end(body)
}

/** When to come again, where that is known or a moment later is as good as any. */
function retryAfter({ row, facts }: SallyportError): Record<string, string> {
  if (facts.retryAfter === undefined && row.next !== 'retry') return {}
  return { 'retry-after': String(facts.retryAfter ?? 1) }
}

export function rpcError(error: SallyportError, { id, requestId, versions }: RefusalContext): string {
  const { code, row } = error
  return JSON.stringify({
    jsonrpc: '2.0',
    id: id ?? null,
    error: {
      code: rpcCodes.get(code) ?? row.status,
      message: row.sentence,
      data: { code, request_id: requestId, next: row.next, ...versions },
    },
  })
}

/** A tool that is hidden and one that does not exist are answered alike, with the words of the MCP SDK. */
export function unknownTool(id: RequestId, name: Json): string {
  const message = `Tool ${typeof name === 'string' ? name : ''} not found`
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_602, message } })
}

export function unknownMethod(id: RequestId | null): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } })
}

/** What a client has to declare before it may ask this. */
export function missingCapability(id: RequestId, requiredCapabilities: object): string {
  const message = 'This needs a capability that the client does not declare.'
  return JSON.stringify({
    jsonrpc: '2.0',
    id,
    error: { code: -32_021, message, data: { requiredCapabilities } },
  })
}

/** Answers a message with one of ours. */
export function answerRpc(res: ServerResponse, status: number, body: string): void {
  res
    .writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(body),
    })
    .end(body)
}

export function unknownTask(id: RequestId): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_602, message: 'Task not found' } })
}

/** RFC 6750 §3 and RFC 9728 §5.1; an error is told only where a token was shown (RFC 6750 §3.1). */
export function challenge(
  { row, code }: SallyportError,
  metadata: string | undefined,
): Record<string, string> {
  if (row.status !== 401 || metadata === undefined) return {}
  const error = code === 'token_missing' ? '' : `error="${row.oauth ?? 'invalid_token'}", `
  return { 'www-authenticate': `Bearer ${error}resource_metadata="${metadata}"` }
}
