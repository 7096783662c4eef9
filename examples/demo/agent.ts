/**
 * The agent: the official SDK's client in a process of its own. It is told over IPC which tool to call and answers
 * with what it saw. It holds the person's token for the MCP server and nothing else.
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

export interface AgentCall {
  readonly id: number
  readonly tool: string
}

export interface AgentAnswer {
  readonly id: number
  readonly isError: boolean
  readonly text: string
}

const client = new Client({ name: 'demo-agent', version: '1.0.0' })
const transport = new StreamableHTTPClientTransport(new URL(process.env['MCP_URL'] ?? ''), {
  requestInit: { headers: { authorization: `Bearer ${process.env['MCP_TOKEN'] ?? ''}` } },
})

async function call({ id, tool }: AgentCall): Promise<AgentAnswer> {
  try {
    const result = await client.callTool({ name: tool })
    const [first] = result.content as { text?: string }[]
    return { id, isError: result.isError === true, text: first?.text ?? '' }
  } catch (error) {
    return { id, isError: true, text: String(error) }
  }
}

process.on('message', (message: AgentCall) => {
  void call(message).then((answer) => {
    // What a chatty client would print: everything it got. The demo searches it for credentials afterwards.
    process.stdout.write(`${JSON.stringify(answer)}\n`)
    process.send?.(answer)
  })
})
process.on('disconnect', () => process.exit(0))

await client.connect(transport)
const { tools } = await client.listTools()
process.stdout.write(`connected: ${tools.map((tool) => tool.name).join(', ')}\n`)
