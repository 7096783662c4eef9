import { type ChildProcess, spawn } from 'node:child_process'
import { type Readable, Writable } from 'node:stream'
import { SallyportError } from '../model/index.ts'
import { Lines } from './lines.ts'

export interface ProcessOptions {
  readonly command: readonly string[]
  /** The whole of it: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** The longest line that it may write, and how much may wait for it to be read, in bytes. */
  readonly messageBytes: number
  /** How long it has between SIGTERM and SIGKILL. */
  readonly graceMs: number
}

/** What is heard of a process. */
export interface Hearing {
  line(bytes: Buffer): void
  /** A line is longer than allowed. */
  tooLong(): void
  complaint(line: Buffer): void
  /** It has ended, with everything that it left in its group. Told once, if it was ever started. */
  gone(how: { readonly code: number | null; readonly signal: string | null }): void
}

/** Longer complaints lose their end. */
const complaintBytes = 1024
/** How long what a process wrote before it ended is waited for. */
const lastWordsMs = 1000

/**
 * One child in a process group of its own, so that it can be ended with all that it started. Of our descriptors it has its three
 * streams and nothing else.
 */
export class Process {
  readonly #child: ChildProcess
  readonly #graceMs: number
  readonly #most: number
  /** Resolves when it runs. @throws server_not_started */
  readonly started: Promise<void>
  #ending = false

  constructor({ command, env, messageBytes, graceMs }: ProcessOptions, hearing: Hearing) {
    const [program = '', ...args] = command
    this.#graceMs = graceMs
    this.#most = messageBytes
    const child = spawn(program, args, { env: { ...env }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.started = new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) => reject(new SallyportError('server_not_started', {}, error)))
    })
    this.started.catch(() => undefined)
    const said = new Lines(
      messageBytes,
      (line) => hearing.line(line),
      () => hearing.tooLong(),
    )
    const complaints = new Lines(
      complaintBytes,
      (line) => hearing.complaint(line),
      (begun) => hearing.complaint(begun),
    )
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
    child.stderr.once('end', () => complaints.end())
    // Whoever reads nothing any more has mostly ended, which is told.
    child.stdin.on('error', () => undefined)
    child.once('exit', (code, signal) => {
      this.#signal('SIGKILL')
      void closed(child).then(() => hearing.gone({ code, signal }))
    })
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Says whether it was taken: a child that does not read gets no more than one longest message ahead. */
  say(message: object): boolean {
    const { stdin } = this.#child
    if (!(stdin instanceof Writable) || !stdin.writable || stdin.writableLength > this.#most) return false
    stdin.write(`${JSON.stringify(message)}\n`)
    return true
  }

  /** Whether what it says has to wait. */
  hold(held: boolean): void {
    if (held) this.#child.stdout?.pause()
    else this.#child.stdout?.resume()
  }

  /** End of input and SIGTERM; SIGKILL for what is still there after the grace. */
  end(): void {
    if (this.#ending || this.#child.pid === undefined) return
    this.#ending = true
    const { stdin, stdout } = this.#child
    stdin?.end()
    // It is not heard any more, and does not have to wait for us to end.
    stdout?.removeAllListeners('data')
    stdout?.resume()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#signal('SIGTERM')
    const late = setTimeout(() => this.#signal('SIGKILL'), this.#graceMs)
    this.#child.once('exit', () => clearTimeout(late))
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch {
      // Nobody of the group is there any more.
    }
  }
}

/** When the streams have ended too: what was written before the end is still to be heard, for a moment. */
async function closed(child: ChildProcess): Promise<void> {
  const streams = [child.stdout, child.stderr].filter((stream): stream is Readable => stream !== null)
  await Promise.race([
    Promise.all(streams.map((stream) => ended(stream))),
    new Promise<void>((resolve) => void setTimeout(resolve, lastWordsMs)),
  ])
  for (const stream of [...streams, child.stdin]) stream?.destroy()
}

const ended = (stream: Readable): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) resolve()
    else stream.once('close', () => resolve())
  })
