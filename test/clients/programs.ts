/** HTTP clients of other languages, each as a process of its own that is told its proxy by the environment. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clients } from '../kit/parts/clients.ts'
import { temporaryFolder } from '../kit/folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const place = (path: string) => join(root, 'test', 'clients', path)

export interface Wanted {
  readonly method: string
  readonly url: string
  readonly body: string
}

/** What a program is started with besides its arguments. */
export interface Surroundings {
  /** With the token in it. */
  readonly proxy: string
  /** PEM of the certificates to trust. */
  readonly ca: string
}

/** What came of a request: an answer and where it came from at last, or why there is none. */
export interface Outcome {
  readonly status?: number
  readonly body?: string
  readonly url?: string
  readonly error?: string
}

export type ClientName =
  | 'curl'
  | 'requests'
  | 'httpx'
  | 'Go'
  | 'Node http'
  | 'Node fetch'
  | 'Node fetch, undici'

type Command = readonly [program: string, args: readonly string[], env?: Readonly<Record<string, string>>]

const commands: Readonly<Record<ClientName, (wanted: Wanted, clients: Clients, caFile: string) => Command>> =
  {
    curl: ({ method, url, body }, { curl }, caFile) => [
      curl,
      [
        ...['--silent', '--show-error', '--location', '--request', method, '--cacert', caFile],
        ...(body === '' ? [] : ['--data-binary', body]),
        ...['--write-out', '\n%{http_code} %{url_effective}', url],
      ],
    ],
    requests: (wanted, { python }) => [
      python.program,
      [place('python/requests_client.py'), ...listed(wanted)],
    ],
    httpx: (wanted, { python }) => [python.program, [place('python/httpx_client.py'), ...listed(wanted)]],
    Go: (wanted, { go }) => [go.client, listed(wanted)],
    'Node http': (wanted) => node('http-client.mjs', listed(wanted)),
    'Node fetch': (wanted) => node('fetch-client.mjs', listed(wanted)),
    'Node fetch, undici': (wanted) => [
      process.execPath,
      [place('node/fetch-client.mjs'), ...listed(wanted), 'undici'],
    ],
  }

const listed = ({ method, url, body }: Wanted) => [method, url, body]
const node = (name: string, args: readonly string[]): Command => [
  process.execPath,
  [place(`node/${name}`), ...args],
  { NODE_USE_ENV_PROXY: '1' },
]

/** One request by one client, in a process of its own. */
export async function request(
  name: ClientName,
  wanted: Wanted,
  clients: Clients,
  { proxy, ca }: Surroundings,
): Promise<Outcome> {
  const caFile = join(temporaryFolder(), 'ca.pem')
  writeFileSync(caFile, ca)
  const [program, args, env] = commands[name](wanted, clients, caFile)
  const both = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy }
  const trust = { CA: ca, CA_FILE: caFile, NODE_EXTRA_CA_CERTS: caFile }
  const { output, complaints } = await run(program, args, {
    ...both,
    ...trust,
    ...env,
    PYTHONPATH: clients.python.libraries,
  })
  return name === 'curl' ? ofCurl(output, complaints) : read(output, complaints)
}

function read(output: string, complaints: string): Outcome {
  try {
    return JSON.parse(output) as Outcome
  } catch {
    throw new Error(`the client broke: ${complaints || output}`)
  }
}

function ofCurl(output: string, complaints: string): Outcome {
  const cut = output.lastIndexOf('\n')
  const [status = '', url = ''] = output.slice(cut + 1).split(' ')
  if (complaints !== '') return { error: complaints }
  return { status: Number(status), url, body: output.slice(0, cut) }
}

/** Runs a program with nothing of our own environment but what it needs to be found. */
export async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly output: string; readonly complaints: string; readonly code: number | null }> {
  const { PATH = '', HOME = '', PYENV_VERSION } = process.env
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, ...(PYENV_VERSION === undefined ? {} : { PYENV_VERSION }), ...env },
    timeout: 60_000,
  })
  let output = ''
  let complaints = ''
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (complaints += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { output, complaints, code }
}
