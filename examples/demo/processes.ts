/** The demo's own processes: each keeps what it printed, can show its memory, and is ended at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

export interface Program {
  readonly name: string
  readonly child: ChildProcess
  /** Everything it has printed, on both streams. */
  output(): string
  printed(text: string): Promise<void>
  /** A heap snapshot of the process: whatever string it holds is in there. */
  memory(): Promise<Buffer>
  stop(): Promise<void>
}

export function startProgram(input: {
  readonly name: string
  readonly args: readonly string[]
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}): Program {
  const child = spawn(
    process.execPath,
    ['--heapsnapshot-signal=SIGUSR2', '--conditions=sallyport-source', ...input.args],
    {
      cwd: input.folder,
      env: { PATH: process.env['PATH'] ?? '', ...input.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  )
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk))
  const output = () => Buffer.concat(chunks).toString()
  return {
    name: input.name,
    child,
    output,
    printed: async (text) => {
      for (let tries = 0; tries < 600 && !output().includes(text); tries += 1) {
        if (child.exitCode !== null) throw new Error(`${input.name} ended: ${output().slice(-2000)}`)
        await pause(25)
      }
      if (!output().includes(text))
        throw new Error(`${input.name} did not say "${text}": ${output().slice(-2000)}`)
    },
    memory: () => heapOf(child, input.folder),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 5000)
      await once(child, 'exit')
      clearTimeout(late)
    },
  }
}

async function heapOf(child: ChildProcess, folder: string): Promise<Buffer> {
  child.kill('SIGUSR2')
  const mine = (name: string) => name.endsWith('.heapsnapshot') && name.includes(`.${child.pid}.`)
  let size = -1
  for (let tries = 0; tries < 400; tries += 1) {
    await pause(50)
    const file = readdirSync(folder).find(mine)
    if (file === undefined) continue
    const bytes = readFileSync(join(folder, file))
    // The file is whole once it has stopped growing and ends as JSON does.
    if (bytes.length === size && bytes.subarray(-4).toString().trimEnd().endsWith('}')) return bytes
    size = bytes.length
  }
  throw new Error('no heap snapshot came')
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
