/** The program itself, in a process that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { callAdmin } from '../../src/console/index.ts'
import { configuration, freePorts, type Ports } from '../kit/instance.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

export interface Program {
  readonly child: ChildProcess
  readonly folder: string
  readonly egress: string
  capability(server: string): string
  admin(method: 'GET' | 'POST', path: string, body?: unknown): ReturnType<typeof callAdmin>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

export interface ProgramOptions {
  readonly form: 'single' | 'dev'
  readonly folder: string
  readonly config: string
  readonly files?: Readonly<Record<string, string>>
  /** The same ones for a further start. */
  readonly ports?: Ports
  /** How many files it may open, where the system lets that be raised. */
  readonly openFiles?: number
  /** Variables besides those of the test's own process. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts it and waits until it says that it is ready. Writes the configuration anew. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { form, folder, config, files = {}, openFiles, env = {} } = options
  const ports = options.ports ?? (await freePorts())
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  const path = join(folder, 'sallyport.yaml')
  writeFileSync(path, configuration(ports, config))
  const command = [process.execPath, cli, form, '--config', path]
  const [program = '', ...args] =
    openFiles === undefined
      ? command
      : ['sh', '-c', `ulimit -n ${openFiles} 2>/dev/null; exec "$0" "$@"`, ...command]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdout.resume()
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    if (!said.includes('\nready\n')) said += chunk.toString()
  })
  while (!said.includes('\nready\n')) {
    if (child.exitCode !== null) throw new Error(said)
    await Promise.race([once(child.stderr, 'data'), once(child, 'exit')])
  }
  const run = (name: string) => readFileSync(join(folder, 'data/run', name), 'utf8').trim()
  return {
    child,
    folder,
    egress: `http://127.0.0.1:${ports.egress}`,
    capability: (server) => run(`${server}.cap`),
    admin: (method, at, body) =>
      callAdmin(
        { url: `http://127.0.0.1:${ports.admin}`, capability: run('admin.cap') },
        { method, path: at, ...(body === undefined ? {} : { body }) },
      ),
    kill: async () => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}
