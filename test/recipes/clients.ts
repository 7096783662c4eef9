/** The official clients: v1 of the TypeScript SDK, which begins sessions, and v2, which tries without. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

export type ClientVersion = 'v1' | 'v2'

/** What of a client a test uses. */
export interface Connected {
  /** The revision of MCP that was agreed on. */
  readonly revision: string | undefined
  tools(): Promise<readonly string[]>
  call(tool: string, parameters: object): Promise<{ readonly text: string; readonly failed: boolean }>
  close(): Promise<void>
}

interface Answer {
  readonly content?: unknown
  readonly isError?: unknown
}

interface NewClient {
  connect(transport: unknown): Promise<void>
  getNegotiatedProtocolVersion(): string | undefined
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>
  callTool(params: object): Promise<Answer>
  close(): Promise<void>
}

interface NewSdk {
  readonly Client: new (info: object, options: object) => NewClient
  readonly StreamableHTTPClientTransport: new (url: URL, options: object) => unknown
}

const info = { name: 'recipes', version: '1.0.0' }

/** `libraries`: the folder with the packages of test/recipes/node. */
export async function connect(
  version: ClientVersion,
  { url, token, libraries }: { readonly url: string; readonly token: string; readonly libraries: string },
): Promise<Connected> {
  const options = { requestInit: { headers: { authorization: `Bearer ${token}` } } }
  if (version === 'v1') {
    const client = new Client(info)
    const transport = new StreamableHTTPClientTransport(new URL(url), options)
    await client.connect(transport)
    return connected(client, transport.protocolVersion)
  }
  const sdk = createRequire(join(libraries, 'package.json'))('@modelcontextprotocol/client') as NewSdk
  const client = new sdk.Client(info, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new sdk.StreamableHTTPClientTransport(new URL(url), options))
  return connected(client, client.getNegotiatedProtocolVersion())
}

function connected(
  client: Pick<NewClient, 'listTools' | 'callTool' | 'close'> | Client,
  revision: string | undefined,
): Connected {
  return {
    revision,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name).sort(),
    call: async (name, parameters) => {
      const { content, isError } = await client.callTool({ name, arguments: { ...parameters } })
      const texts = (content as readonly { readonly text?: string }[]).map(({ text }) => text ?? '')
      return { text: texts.join('\n'), failed: isError === true }
    },
    close: async () => client.close(),
  }
}
