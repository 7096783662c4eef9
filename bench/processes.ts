/** Processes on their core, and what the kernel says of them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Daemon, type DaemonOptions, startDaemon } from '../test/kit/parts/process.ts'

/** The contender has one core to itself; the generator, the upstream and the bench share the other. */
export const cores = { contender: '0', rest: '1' } as const

/** The program and arguments that run something on one core. */
export const onCore = (core: keyof typeof cores): readonly [program: string, ...args: string[]] => [
  'taskset',
  '-c',
  cores[core],
]

/** Puts this process, and so whatever it starts, on the core of the rest. */
export function pinSelf(): void {
  const [taskset] = onCore('rest')
  const { status } = spawnSync(taskset, ['-a', '-c', '-p', cores.rest, String(process.pid)])
  if (status !== 0) throw new Error('The bench needs Linux with two cores and taskset (util-linux).')
}

const running = new Set<Daemon>()

export async function startOn(core: keyof typeof cores, options: DaemonOptions): Promise<Daemon> {
  const [program, ...pin] = onCore(core)
  const daemon = await startDaemon({ ...options, program, args: [...pin, options.program, ...options.args] })
  running.add(daemon)
  void daemon.ended.then(() => running.delete(daemon))
  return daemon
}

const closers: (() => Promise<unknown>)[] = []

/** To be done at the end, however the bench ends. */
export const atEnd = (close: () => Promise<unknown>): void => void closers.push(close)

/** Ends whatever still runs, the newest first. */
export async function endAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close().catch(() => undefined)
  for (const daemon of [...running].reverse()) await daemon.stop()
}

const folders = new Set<string>()

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `sallyport-bench-${name}-`))
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}

export function removeFolders(): void {
  for (const folder of folders) removeFolder(folder)
}

/** Returns once something listens there. @throws Error when the process ends first, with its last lines, or after a minute */
export async function untilListening(port: number, daemon: Daemon): Promise<void> {
  const limit = performance.now() + 60_000
  while (!(await accepts(port))) {
    if (!daemon.isRunning()) throw new Error(`ended while starting\n${daemon.log()}`)
    if (performance.now() > limit) throw new Error(`not listening after a minute\n${daemon.log()}`)
    await pause(5)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}

/** A process and all its descendants. */
function tree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(tree)]
}

/** User and system time so far of the process and its children, in microseconds: `utime` and `stime` of proc_pid_stat(5). NaN for no process. */
export function cpuOf(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN
  const tickMicroseconds = 10_000
  const ticks = tree(pid).map((each) => {
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, each) => sum + each, 0) * tickMicroseconds
}

/** Resident memory of the process and its children in MB (10^6 bytes). `pss` shares out what several processes map. */
export function memoryOf(pid: number | undefined): { readonly rss: number; readonly pss: number } {
  if (pid === undefined) return { rss: Number.NaN, pss: Number.NaN }
  const sum = (name: 'Rss' | 'Pss') =>
    tree(pid)
      .map((each) => readFileSync(`/proc/${each}/smaps_rollup`, 'utf8'))
      .map((text) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0))
      .reduce((total, kilobytes) => total + (kilobytes * 1024) / 1e6, 0)
  return { rss: sum('Rss'), pss: sum('Pss') }
}

interface CoreTimes {
  readonly busy: number
  readonly total: number
  readonly steal: number
}

function timesOf(line: string): CoreTimes {
  const text = new RegExp(`^${line} +(.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? ''
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, soft = 0, steal = 0] = text
    .split(' ')
    .map(Number)
  const busy = user + nice + system + irq + soft
  return { busy, steal, total: busy + idle + iowait + steal }
}

/** Busy time so far of the core of the rest, in ticks, and what the host took from each of the two. */
export function coreTimes(): {
  readonly busy: number
  readonly total: number
  readonly stolen: readonly number[]
} {
  const rest = timesOf(`cpu${cores.rest}`)
  return { ...rest, stolen: [rest.steal, timesOf(`cpu${cores.contender}`).steal] }
}

/** The share of the machine that others use now, watched for two seconds: above a few hundredths, figures are noise. */
export async function othersShare(): Promise<number> {
  const before = timesOf('cpu')
  await pause(2000)
  const after = timesOf('cpu')
  return (after.busy + after.steal - before.busy - before.steal) / (after.total - before.total)
}
