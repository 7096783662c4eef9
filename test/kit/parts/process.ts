import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { lastLines, say } from './run.ts'

/** A server process of a test. It ends with this process, however this process ends. */
export interface Daemon {
  readonly pid: number
  /** Settles when the process has ended. */
  readonly ended: Promise<void>
  isRunning(): boolean
  /** Asks it to end, and after ten seconds makes it. */
  stop(): Promise<void>
  kill(): Promise<void>
  log(): string
}

export interface DaemonOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly logFile: string
  readonly env?: Readonly<Record<string, string>>
}

/** Ends the process `$1` when its own stdin closes, which happens when whoever holds the other end is gone. */
const guardScript = 'trap "" INT TERM HUP; read -r _; kill -TERM "$1"; sleep 10; kill -KILL "$1"'

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const output = openSync(options.logFile, 'a')
  const child = spawn(options.program, options.args, {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...options.env },
  })
  closeSync(output)
  await once(child, 'spawn')
  const pid = child.pid!
  const guard = spawn('sh', ['-c', guardScript, 'sh', String(pid)], { stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = once(child, 'exit').then(() => void guard.kill('SIGKILL'))
  child.unref()
  guard.unref()
  return {
    pid,
    ended,
    isRunning: () => isRunning(child),
    stop: () => end(child, ended, 'SIGTERM'),
    kill: () => end(child, ended, 'SIGKILL'),
    log: () => lastLines(readFileSync(options.logFile, 'utf8')),
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

async function end(child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (!isRunning(child)) return
  child.ref()
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('the probe has no port')
  return address.port
}

/**
 * Asks every 100 ms until `ready` says so, and tells every ten seconds that it still does. Fails when the process
 * ends or the time is up, with its last log lines.
 */
export async function untilReady(
  what: string,
  daemon: Daemon,
  ready: () => Promise<boolean>,
  limitSeconds: number,
): Promise<void> {
  const started = performance.now()
  for (let told = 10; !(await ready().catch(() => false)); ) {
    await pause(100)
    const seconds = (performance.now() - started) / 1000
    if (!daemon.isRunning()) throw new Error(`${what} ended while starting\n${daemon.log()}`)
    if (seconds > limitSeconds)
      throw new Error(`${what} is not ready after ${limitSeconds} s\n${daemon.log()}`)
    if (seconds < told) continue
    say(`${what}: starting … ${told} s`)
    told += 10
  }
}
