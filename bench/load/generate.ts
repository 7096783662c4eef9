/** The generators, each in a process of its own on the core of the rest. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where requests go and what they carry. */
export interface Aim {
  readonly origin: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

export interface WrkOptions {
  readonly wrk: string
  readonly connections: number
  readonly seconds: number
  readonly method?: string
  readonly bodyBytes?: number
  /** Path of a file with a token per line: each request takes the next one. */
  readonly tokens?: string
  /** Path of a file that is the body to send; its `Content-Type` is one of the headers. */
  readonly body?: string
}

/** Milliseconds; `status` counts answers above 399 and `socket` connections that failed. */
export interface WrkResult {
  readonly requests: number
  readonly seconds: number
  readonly status: number
  readonly socket: number
  readonly p50: number
  readonly p99: number
}

const script = fileURLToPath(new URL('wrk.lua', import.meta.url))

/** Runs to the end. What it prints last is one JSON object. @throws Error with its output where it fails */
async function outputOf(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<unknown> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    signal: ending.signal,
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  const output = Buffer.concat(chunks).toString().trimEnd()
  if (code !== 0) throw new Error(`${program} ended with ${code ?? 'a signal'}\n${output}`)
  return JSON.parse(output.split('\n').at(-1) ?? '')
}

const ending = new AbortController()

/** Ends the generators that run. */
export const endGenerators = (): void => ending.abort()

/** Closed loop: as many requests as the contender answers. */
export async function wrk(aim: Aim, options: WrkOptions): Promise<WrkResult> {
  const headers = Object.entries(aim.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const { connections, seconds, method, bodyBytes, tokens, body } = options
  const shape = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script]
  const env = {
    ...(method === undefined ? {} : { WRK_METHOD: method }),
    ...(bodyBytes === undefined ? {} : { WRK_BODY_BYTES: String(bodyBytes) }),
    ...(tokens === undefined ? {} : { WRK_TOKENS: tokens }),
    ...(body === undefined ? {} : { WRK_BODY: body }),
  }
  return (await outputOf(options.wrk, [...shape, ...headers, aim.origin + aim.path], env)) as WrkResult
}

export interface OpenLoopResult {
  readonly requests: number
  readonly failed: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

const aimed = (aim: Aim, folder: string): string[] => {
  const file = join(folder, 'open-headers')
  const lines = Object.entries(aim.headers).map(([name, value]) => `${name}: ${value}\n`)
  writeFileSync(file, lines.join(''), { mode: 0o600 })
  return ['-address', new URL(aim.origin).host, '-path', aim.path, '-headers', file]
}

/** Open loop: requests at a fixed rate, each latency (ms) counted from the moment that the request was due. */
export async function openLoop(
  aim: Aim,
  options: {
    readonly load: string
    readonly folder: string
    readonly rate: number
    readonly warmSeconds: number
    readonly seconds: number
  },
): Promise<OpenLoopResult> {
  const pace = [
    '-rate',
    String(options.rate),
    '-warm',
    `${options.warmSeconds}s`,
    '-for',
    `${options.seconds}s`,
  ]
  const args = ['open', ...pace, ...aimed(aim, options.folder)]
  return (await outputOf(options.load, args, {})) as OpenLoopResult
}

/** Holds streams open until `close` is called. @throws Error where one does not open */
export async function holdStreams(
  aim: Aim,
  options: { readonly load: string; readonly folder: string; readonly count: number },
): Promise<{ close(): Promise<void> }> {
  const child = spawn(
    options.load,
    ['streams', '-count', String(options.count), ...aimed(aim, options.folder)],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: ending.signal,
    },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const opened = once(child.stdout, 'data').then(() => true)
  const ended = once(child, 'close').then(() => false)
  if (!(await Promise.race([opened, ended]))) throw new Error(`the streams did not open: ${said}`)
  return {
    close: async () => {
      child.stdin.end()
      await ended
    },
  }
}
