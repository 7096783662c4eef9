/** What an MCP client of either era says first, through the egress: it knows nothing of any authorization. */
import type { Revision } from '../suite.ts'

/** An answer of the egress: a message, or what the egress says in place of one. */
export interface Answer {
  readonly status: number
  readonly message: Readonly<Record<string, unknown>>
}

export type Ask = (method: string, params?: object) => Promise<Answer>

const info = { name: 'conformance', version: '1' }

/** One request after the other; `ask` gives what came of each. */
export async function converse(revision: Revision, ask: Ask): Promise<void> {
  if (revision === '2025-11-25') {
    await ask('initialize', { protocolVersion: revision, capabilities: {}, clientInfo: info })
    await ask('notifications/initialized')
  }
  await ask('tools/list')
  await ask('tools/call', { name: 'test-tool', arguments: {} })
}

export interface Endpoint {
  readonly url: string
  readonly token: string
  readonly revision: Revision
}

/** One message to the endpoint (Streamable HTTP). */
export async function send(
  { url, token, revision }: Endpoint,
  { id, method, params }: { readonly id: number; readonly method: string; readonly params: object },
): Promise<Answer> {
  const modern = revision !== '2025-11-25'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': revision,
    'io.modelcontextprotocol/clientInfo': info,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const name = 'name' in params ? { 'mcp-name': String(params.name) } : {}
  const isRequest = !method.startsWith('notifications/')
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(method === 'initialize' ? {} : { 'mcp-protocol-version': revision }),
      ...(modern ? { 'mcp-method': method, ...name } : {}),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      ...(isRequest ? { id } : {}),
      method,
      ...(isRequest ? { params: modern ? { ...params, _meta: meta } : params } : {}),
    }),
    redirect: 'manual',
  })
  return { status: answer.status, message: messageIn(await answer.text()) }
}

/** A JSON document, or the first event of a stream of them; anything else is no message. */
function messageIn(text: string): Answer['message'] {
  const event = /^data: ?(\{.*\})$/m.exec(text)?.[1]
  try {
    const value: unknown = JSON.parse(event ?? text)
    return typeof value === 'object' && value !== null ? (value as Answer['message']) : {}
  } catch {
    return {}
  }
}
