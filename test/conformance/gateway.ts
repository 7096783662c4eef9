import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDaemon, untilReady } from '../kit/parts/process.ts'
import { startProxy } from './proxy.ts'

export interface Gateway {
  /** The endpoint for callers without a token. */
  readonly url: string
  /** The same behind something that adds a bearer token to every request. */
  readonly bearerUrl: string
  stop(): Promise<void>
}

/** Everything is allowed, to a user who does not sign in and to one who does. */
const configuration = (upstream: string, ports: readonly number[]) => {
  const [egress, gateway, pages, admin, telemetry] = ports.map((port) => `127.0.0.1:${port}`)
  return `server: ${upstream}
allow: [anyone]
anonymous: conformance
tools: { "*": { class: read, uses: [] } }
listen: { egress: "${egress}", gateway: "${gateway}", public: "${pages}", admin: "${admin}", telemetry: "${telemetry}" }
data: ./data
`
}

/** The real program in its dev form, between the suite and the server. */
export async function startGateway(upstream: string): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-conformance-gateway-'))
  const ports = await freePorts(5)
  const [, gatewayPort = 0, , adminPort = 0, telemetryPort = 0] = ports
  await writeFile(join(folder, 'sallyport.yaml'), configuration(upstream, ports))
  const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
  const program = await startDaemon({
    program: process.execPath,
    args: [cli, 'dev', '--config', join(folder, 'sallyport.yaml')],
    logFile: join(folder, 'sallyport.log'),
  })
  const stopProgram = async () => {
    await program.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const ready = `http://127.0.0.1:${telemetryPort}/readyz`
    await untilReady('sallyport', program, async () => (await fetch(ready)).ok, 60)
    const url = `http://127.0.0.1:${gatewayPort}/mcp`
    const proxy = await startProxy(url, await signIn(folder, adminPort))
    return {
      url,
      bearerUrl: proxy.url,
      stop: async () => {
        await proxy.stop()
        await stopProgram()
      },
    }
  } catch (error) {
    await stopProgram()
    throw error
  }
}

/** A token of the built-in sign-in, for the one server there is. */
async function signIn(folder: string, adminPort: number): Promise<string> {
  const capability = (await readFile(join(folder, 'data', 'run', 'admin.cap'), 'utf8')).trim()
  const answer = await fetch(`http://127.0.0.1:${adminPort}/v1/dev/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${capability}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'alice', ttl: 3600 }),
  })
  const { token } = (await answer.json()) as { token: string }
  return token
}

/** The resource has the port in its name, so it is known before the listener is. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
