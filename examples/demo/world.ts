/** Everything that the demo starts, and how it looks at it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AgentAnswer } from './agent.ts'
import { type DemoIdp, startIdp } from './idp.ts'
import { type OrdersApi, startOrdersApi } from './orders-api.ts'
import { freePort, type Program, startProgram } from './processes.ts'
import type { Haystack } from './search.ts'
import { signIn } from './sign-in.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const cliPath = here('../../src/cli.ts')
const brokerSecret = 'a client secret that only sallyport and the IdP know'

export interface ReceiptAnswer {
  readonly receipt: {
    readonly seq: number
    readonly status: string
    readonly replicas: readonly { readonly sessions: number; readonly calls: number }[]
  }
}

export function createWorld(folder: string) {
  const ports = { egress: 0, public: 0, admin: 0, telemetry: 0, mcp: 0 }
  let idp: DemoIdp | undefined
  let api: OrdersApi | undefined
  let broker: Program | undefined
  let server: Program | undefined
  let agent: Program | undefined
  let token = ''
  let calls = 0

  const resource = () => `http://127.0.0.1:${ports.mcp}/mcp`
  const have = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('not started')
    return value
  }
  const config = join(folder, 'sallyport.yaml')

  const startBroker = async (): Promise<string> => {
    writeFileSync(join(folder, 'broker-secret'), brokerSecret, { mode: 0o600 })
    writeFileSync(
      config,
      configuration({ ports, resource: resource(), issuer: have(idp).issuer, orders: have(api).url, folder }),
    )
    broker = startProgram({ name: 'sallyport', args: [cliPath, 'dev', '--config', config], folder, env: {} })
    await broker.printed('ready')
    return `dev form, egress on 127.0.0.1:${ports.egress}`
  }
  const startServer = async (): Promise<string> => {
    const env = {
      MCP_PORT: String(ports.mcp),
      ORDERS_URL: have(api).url,
      SALLYPORT_EGRESS: `http://127.0.0.1:${ports.egress}`,
      SALLYPORT_CAPABILITY_FILE: join(folder, 'data', 'run', 'orders-mcp.cap'),
    }
    server = startProgram({ name: 'MCP server', args: [here('mcp-server.ts')], folder, env })
    await server.printed('listening')
    return 'official SDK; its tools call the API with sallyport/fetch'
  }
  const startAgent = async (): Promise<string> => {
    token = await signIn({ issuer: have(idp).issuer, person: 'alice', resource: resource() })
    agent = startProgram({
      name: 'agent',
      args: [here('agent.ts')],
      folder,
      env: { MCP_URL: resource(), MCP_TOKEN: token },
    })
    await agent.printed('connected:')
    return `alice signed in (code + PKCE); the official SDK’s client sees ${agent.output().split('connected: ')[1]?.trim() ?? ''}`
  }

  return {
    egress: () => `http://127.0.0.1:${ports.egress}`,
    api: () => have(api),
    personToken: () => token,
    credentials: () => [...have(idp).downstreamTokens, brokerSecret],
    starts: (): [string, () => Promise<string>][] => [
      [
        'The company: an OIDC provider and an API',
        async () => {
          for (const name of ['egress', 'public', 'admin', 'telemetry', 'mcp'] as const)
            ports[name] = await freePort()
          mkdirSync(join(folder, 'data'), { recursive: true })
          idp = await startIdp({ serverResource: resource(), groups: { alice: ['sales'] }, brokerSecret })
          api = await startOrdersApi({ issuer: idp.issuer, audience: 'orders-api' })
          return `issuer ${idp.issuer}; the API accepts tokens with aud=orders-api only`
        },
      ],
      ['sallyport, beside the MCP server', startBroker],
      ['The MCP server', startServer],
      ['The agent', startAgent],
    ],
    call: async (tool: string): Promise<AgentAnswer> => {
      const { child } = have(agent)
      const id = ++calls
      const answer = new Promise<AgentAnswer>((resolve) => {
        const hear = (message: unknown) => {
          const heard = message as AgentAnswer
          if (heard.id !== id) return
          child.off('message', hear)
          resolve(heard)
        }
        child.on('message', hear)
      })
      child.send({ id, tool })
      return answer
    },
    haystacks: async (): Promise<Haystack[]> => {
      const programs = [have(agent), have(server)]
      const printed = [...programs, have(broker)].map((it) => ({
        name: `all that ${it.name} printed`,
        bytes: Buffer.from(it.output()),
      }))
      const memories = await Promise.all(
        programs.map(async (it) => ({ name: `the memory of ${it.name}`, bytes: await it.memory() })),
      )
      return [
        ...printed,
        ...memories,
        { name: 'every file of sallyport', bytes: everyFile(join(folder, 'data')) },
      ]
    },
    revoke: async (person: string): Promise<ReceiptAnswer> => {
      const capability = readFileSync(join(folder, 'data', 'run', 'admin.cap'), 'utf8').trim()
      const answer = await fetch(`http://127.0.0.1:${ports.admin}/v1/revocations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${capability}`, 'content-type': 'application/json' },
        body: JSON.stringify({ scope: { kind: 'user', id: person }, cause: 'left the company' }),
      })
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${await answer.text()}`)
      return (await answer.json()) as ReceiptAnswer
    },
    cli: (...args: string[]) => runCli(args, folder),
    hints: () =>
      [
        `  npm run --silent sallyport -- sessions --config ${config}`,
        `  npm run --silent sallyport -- audit tail --data ${join(folder, 'data')}`,
        `  npm run --silent sallyport -- release user alice --cause back --config ${config}`,
        `  npm run --silent sallyport -- status --config ${config}`,
      ].join('\n'),
    stop: async (): Promise<void> => {
      await Promise.all([agent, server, broker].map(async (it) => it?.stop()))
      idp?.close()
      api?.close()
    },
  }
}

async function runCli(args: readonly string[], folder: string): Promise<{ code: number; text: string }> {
  const child = spawn(process.execPath, [cliPath, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'close')) as [number]
  return { code, text: Buffer.concat(chunks).toString() }
}

function everyFile(folder: string): Buffer {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
  return Buffer.concat(names.map((it) => readFileSync(join(it.parentPath, it.name))))
}

interface ConfigurationParts {
  readonly ports: {
    readonly egress: number
    readonly public: number
    readonly admin: number
    readonly telemetry: number
    readonly mcp: number
  }
  readonly resource: string
  readonly issuer: string
  readonly orders: string
  readonly folder: string
}

function configuration({ ports, resource, issuer, orders, folder }: ConfigurationParts): string {
  return `url: http://127.0.0.1:${ports.egress}
login:
  issuer: ${issuer}
  client: { id: sallyport, secret: file:${folder}/broker-secret }
servers:
  orders-mcp:                             # no url: clients reach it directly, without the gateway
    resource: ${resource}
    allow: ["group:sales"]
    direct: ["orders"]                    # without a tool call: reads of this downstream, nothing else
downstreams:
  orders:
    url: ${orders}
    exchange: { audience: orders-api, scope: orders.read }
    operations:
      - { op: "GET /orders", class: read }
      - { op: "GET /orders/stream", class: read }
      - { op: "DELETE /orders/{id}", class: critical }
data: ${folder}/data
listen:
  egress: 127.0.0.1:${ports.egress}
  public: 127.0.0.1:${ports.public}
  admin: 127.0.0.1:${ports.admin}
  telemetry: 127.0.0.1:${ports.telemetry}
`
}
