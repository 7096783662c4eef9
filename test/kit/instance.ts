import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { loadConfig, type RunCommand } from '../../src/config/index.ts'
import { callAdmin } from '../../src/console/index.ts'
import { type Faces, openFaces } from '../../src/faces.ts'
import { type Instance, openInstance } from '../../src/wire.ts'
import type { Log } from '../../src/telemetry/index.ts'
import { temporaryFolder } from './folder.ts'
import { quietLog } from './quiet.ts'

/** As many loopback ports that are free now; all are taken at once, so that no two are the same. */
async function freePortsOf(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  for (const server of servers) server.close()
  await Promise.all(servers.map((server) => once(server, 'close')))
  return ports
}

export interface Ports {
  readonly egress: number
  readonly gateway: number
  readonly public: number
  readonly admin: number
  readonly telemetry: number
}

export async function freePorts(): Promise<Ports> {
  const [egress = 0, gateway = 0, pages = 0, admin = 0, telemetry = 0] = await freePortsOf(5)
  return { egress, gateway, public: pages, admin, telemetry }
}

type Front = 'egress' | 'gateway' | 'public' | `https://${string}`

/** The parts of a configuration that every test needs; the rest is the test's. `front`: the face that clients reach. */
export function configuration(ports: Ports, rest: string, front: Front = 'egress'): string {
  return `url: ${front.startsWith('https:') ? front : `http://127.0.0.1:${ports[front as keyof Ports]}`}
listen: { egress: "127.0.0.1:${ports.egress}", gateway: "127.0.0.1:${ports.gateway}", public: "127.0.0.1:${ports.public}", admin: "127.0.0.1:${ports.admin}", telemetry: "127.0.0.1:${ports.telemetry}" }
data: ./data
${rest}`
}

export interface Running {
  readonly instance: Instance
  readonly faces: Faces
  readonly folder: string
  readonly egress: string
  readonly telemetry: string
  capability(server: string): string
  admin(method: 'GET' | 'POST', path: string, body?: unknown): ReturnType<typeof callAdmin>
  stop(): Promise<void>
}

/** Another process, or another test, was quicker to take a port that was free. */
const portTaken = (error: unknown): boolean =>
  error instanceof Error &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  error.cause.code === 'EADDRINUSE'

/** Both forms run in the test's own process, on the wiring of the program, with real listeners. */
export async function startInstance(input: {
  readonly form: 'single' | 'dev'
  /** The face that the instance's URL names, or the URL; the egress where nothing is said. */
  readonly front?: Front
  /** The instance's URL, where something stands before its faces. */
  readonly url?: string
  readonly config: (ports: Ports, folder: string) => string
  readonly folder?: string
  readonly files?: Readonly<Record<string, string>>
  readonly log?: Log
  /** The same ones for a second start: the URL is part of who acts, and so of stored grants. */
  readonly ports?: Ports
  /** What stands in for the machine's own. */
  readonly machine?: Pick<Parameters<typeof openInstance>[1], 'lookup' | 'propose'>
  /** A program to be run as the server, and the variables that there are. */
  readonly run?: RunCommand
  readonly env?: Readonly<Record<string, string | undefined>>
}): Promise<Running> {
  const folder = input.folder ?? temporaryFolder()
  const ports = input.ports ?? (await freePorts())
  for (const [name, text] of Object.entries(input.files ?? {}))
    writeFileSync(join(folder, name), text, { mode: 0o600 })
  const path = join(folder, 'sallyport.yaml')
  const text = configuration(ports, input.config(ports, folder), input.front)
  writeFileSync(path, input.url === undefined ? text : text.replace(/^url: .*$/m, `url: ${input.url}`))
  const { form, run: program, env = {} } = input
  const config = await loadConfig(path, { form, env, ...(program === undefined ? {} : { run: program }) })
  const instance = await openInstance(config, {
    log: input.log ?? quietLog,
    restored: false,
    ...input.machine,
  })
  const faces = await openFaces(instance).catch(async (error: unknown) => {
    await instance.close()
    if (input.ports !== undefined || !portTaken(error)) throw error
    return undefined
  })
  // A folder that was given keeps its key; of a throwaway one nothing is needed.
  if (faces === undefined) return startInstance(input)
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    instance.replica.live.abortAll({ reason: 'lease_lapsed' })
    await instance.egress.close()
    await faces.close()
    await instance.close()
  }
  onTestFinished(stop)
  const run = (name: string) => readFileSync(join(config.data, 'run', name), 'utf8').trim()
  return {
    instance,
    faces,
    folder,
    egress: faces.egress.url,
    telemetry: faces.telemetry.url,
    capability: (server) => run(`${server}.cap`),
    admin: (method, path, body) =>
      callAdmin(
        { url: faces.admin.url, capability: run('admin.cap') },
        { method, path, ...(body === undefined ? {} : { body }) },
      ),
    stop,
  }
}

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** Asks the token endpoint for a session token. */
export async function mint(
  running: Pick<Running, 'egress' | 'capability'>,
  server: string,
  subjectToken: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: Record<string, unknown>; readonly token: string }> {
  const answer = await fetch(`${running.egress}/oauth2/token`, {
    method: 'POST',
    headers: { 'sallyport-capability': running.capability(server) },
    body: new URLSearchParams({
      grant_type: tokenExchange,
      subject_token: subjectToken,
      subject_token_type: accessTokenType,
      ...more,
    }),
  })
  const body = (await answer.json()) as Record<string, unknown>
  return { status: answer.status, body, token: String(body['access_token']) }
}
