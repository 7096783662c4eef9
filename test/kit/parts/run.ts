import { spawn } from 'node:child_process'

/** Progress of provisioning: one line each, on stderr, so that machine-readable output stays clean. */
export type Say = (line: string) => void

export const say: Say = (line) => void process.stderr.write(`parts  ${line}\n`)

export interface Command {
  readonly what: string
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const beatMs = 10_000
const limitMs = 15 * 60_000

/** Runs to the end, telling every ten seconds that it still does. Fails with the last lines of its output. */
export async function run(command: Command): Promise<string> {
  const started = performance.now()
  const seconds = () => ((performance.now() - started) / 1000).toFixed(0)
  say(`${command.what} …`)
  const beat = setInterval(() => say(`${command.what} … ${seconds()} s`), beatMs)
  try {
    const output = await complete(command)
    say(`${command.what}: done in ${seconds()} s`)
    return output
  } finally {
    clearInterval(beat)
  }
}

function complete({ what, program, args, env }: Command): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout: limitMs,
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', (cause) => reject(new Error(`${what}: ${program} could not be run`, { cause })))
    child.on('close', (code) => {
      const output = Buffer.concat(chunks).toString()
      if (code === 0) resolve(output)
      else reject(new Error(`${what}: ${program} ended with ${code ?? 'a signal'}\n${lastLines(output)}`))
    })
  })
}

export function lastLines(text: string, count = 20): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
