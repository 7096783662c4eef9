/** The MCP Inspector as its users start it: its command line, and the server of its web page. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort, startDaemon, untilReady, type Daemon } from './parts/process.ts'
import type { Ended } from './cli.ts'

/**
 * Its settings and what it keeps are in the folder; nothing of the user that runs the tests. It only signs in where it
 * may open a browser, so it gets one that does nothing: what it prints says where to go.
 */
const environment = (folder: string, more: Readonly<Record<string, string>>) => ({
  PATH: process.env['PATH'] ?? '',
  HOME: folder,
  MCP_STORAGE_DIR: join(folder, 'storage'),
  MCP_INSPECTOR_SECRET_STORE: 'file',
  NO_COLOR: '1',
  BROWSER: 'true',
  ...more,
})

const program = (inspector: string) =>
  join(
    inspector,
    'node_modules',
    '@modelcontextprotocol',
    'inspector',
    'clients',
    'launcher',
    'build',
    'index.js',
  )

export interface InspectorRun {
  /** The folder with the package. */
  readonly inspector: string
  readonly folder: string
  readonly args: readonly string[]
  /** Takes the address that it tells its user to go to; the answer goes to where it listens. */
  visit?(url: URL): Promise<unknown>
}

const limitMs = 60_000

export async function runInspector({ inspector, folder, args, visit }: InspectorRun): Promise<Ended> {
  const child = spawn(process.execPath, [program(inspector), '--cli', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(folder, { MCP_AUTO_OPEN_ENABLED: 'true' }),
    timeout: limitMs,
  })
  const said = { out: '', err: '' }
  let visiting: Promise<unknown> | undefined
  child.stdout.on('data', (chunk: Buffer) => void (said.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk.toString()
    const address = /Please navigate to: (\S+)\n/.exec(said.err)?.[1]
    if (address === undefined || visit === undefined) return
    visiting ??= visit(new URL(address)).catch((error: unknown) => {
      child.kill()
      throw error
    })
  })
  const [code] = (await once(child, 'close')) as [number | null]
  await visiting
  return { code, ...said }
}

/** Its web page, with the token that its own address has. */
export async function startInspectorPage({
  inspector,
  folder,
  url,
}: Pick<InspectorRun, 'inspector' | 'folder'> & { readonly url: string }): Promise<
  Daemon & { readonly url: URL }
> {
  const [port, sandbox] = [await freePort(), await freePort()]
  const daemon = await startDaemon({
    program: process.execPath,
    args: [program(inspector), '--web', '--server-url', url, '--transport', 'http'],
    logFile: join(folder, 'inspector.log'),
    env: environment(folder, {
      MCP_AUTO_OPEN_ENABLED: 'false',
      CLIENT_PORT: String(port),
      MCP_SANDBOX_PORT: String(sandbox),
    }),
  })
  const address = () => /http:\/\/\S+TOKEN=\S+/.exec(daemon.log())?.[0]
  await untilReady('the MCP Inspector', daemon, async () => address() !== undefined, 60)
  return { ...daemon, url: new URL(address()!) }
}
