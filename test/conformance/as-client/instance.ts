/** sallyport for one scenario: the dev form in this process, on its own listeners, with one downstream. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../../src/config/index.ts'
import { openFaces } from '../../../src/faces.ts'
import { SallyportError, seconds } from '../../../src/model/index.ts'
import { type Instance, openInstance } from '../../../src/wire.ts'
import { quietLog } from '../../kit/quiet.ts'
import { type Browser, createBrowser } from '../../kit/walk.ts'
import { freePorts } from '../gateway.ts'

export interface Sallyport {
  readonly instance: Instance
  readonly egress: string
  /** For requests of the server that acts for the person. */
  readonly token: string
  readonly browser: Browser
  stop(): Promise<void>
}

export interface Settings {
  /** The lines below `downstreams:`, of which one is `scenario`. */
  readonly downstream: string
  readonly files: Readonly<Record<string, string>>
  /** Where people reach it, if not on this machine. */
  readonly url: string | undefined
}

export const person = 'alice'

/** Another socket, of whatever process, was quicker to take a port that was free. */
const portTaken = (error: unknown): boolean =>
  error instanceof SallyportError && error.cause instanceof Error && 'code' in error.cause
    ? error.cause.code === 'EADDRINUSE'
    : false

export async function startSallyport(settings: Settings): Promise<Sallyport> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(settings)
    } catch (error) {
      if (attempt === 5 || !portTaken(error)) throw error
    }
  }
}

async function start({ downstream, files, url }: Settings): Promise<Sallyport> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-as-client-'))
  const [egress, gateway, pages = 0, admin, telemetry] = (await freePorts(5)).map(String)
  const path = join(folder, 'sallyport.yaml')
  await writeFile(
    path,
    `url: ${url ?? `http://127.0.0.1:${pages}`}
listen: { egress: "127.0.0.1:${egress}", gateway: "127.0.0.1:${gateway}", public: "127.0.0.1:${pages}", admin: "127.0.0.1:${admin}", telemetry: "127.0.0.1:${telemetry}" }
data: ./data
server: http://127.0.0.1:9/mcp
allow: [anyone]
direct: [scenario]
downstreams:
${downstream}
`,
  )
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 })
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const config = await loadConfig(path, { form: 'dev', env: {} })
    const instance = await openInstance(config, { log: quietLog, restored: false })
    const faces = await openFaces(instance).catch(async (error: unknown) => {
      await instance.close()
      throw error
    })
    return {
      instance,
      egress: faces.egress.url,
      token: await mint(instance, faces.egress.url),
      browser: createBrowser({
        leaveAt: 'https://nowhere.example/',
        ...(url === undefined ? {} : { fetch: reaching(new URL(url), Number(pages)) }),
      }),
      stop: async () => {
        await instance.egress.close()
        await faces.close()
        await instance.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** A session token for the server, from a sign-in of the person (RFC 8693). */
async function mint({ dev, config }: Instance, egress: string): Promise<string> {
  const [server] = config.servers
  const subject = dev!.issue(person, { audience: server!.resource, ttl: seconds(600) })
  const capability = (await readFile(join(config.data, 'run', `${server!.name}.cap`), 'utf8')).trim()
  const answer = await fetch(`${egress}/oauth2/token`, {
    method: 'POST',
    headers: { 'sallyport-capability': capability },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }),
  })
  const { access_token: token } = (await answer.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`no session token: ${answer.status}`)
  return token
}

/** As something that ends TLS before sallyport would: the name leads to its listener. */
function reaching(home: URL, port: number) {
  return async (url: URL, init: RequestInit): Promise<Response> => {
    if (url.origin !== home.origin) return fetch(url, init)
    return new Promise((resolve, reject) => {
      const headers = { ...(init.headers as Record<string, string>), host: home.host }
      const asked = request(
        { host: '127.0.0.1', port, method: init.method, path: url.pathname + url.search, headers },
        (answer) => {
          const chunks: Buffer[] = []
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('error', reject)
          answer.on('end', () => {
            const given = new Headers()
            const { rawHeaders, statusCode: status = 500 } = answer
            for (let at = 0; at < rawHeaders.length; at += 2)
              given.append(rawHeaders[at]!, rawHeaders[at + 1]!)
            resolve(
              new Response(chunks.length === 0 ? null : Buffer.concat(chunks), { status, headers: given }),
            )
          })
        },
      )
      asked.on('error', reject)
      asked.end(init.body)
    })
  }
}
