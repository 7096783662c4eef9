import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import {
  type Access,
  type ErrorCode,
  type Gate,
  isJsonObject,
  type JsonObject,
  type LiveWork,
  SallyportError,
  type Server,
} from '../model/index.ts'
import type { Log, Metrics } from '../telemetry/index.ts'
import type { Era } from './answer.ts'
import { createComplaints } from './complaints.ts'
import { Conversation } from './conversation.ts'
import { type Door, openDoor } from './door.ts'
import type { Keeper } from './keeper.ts'
import { Process } from './process.ts'

export interface ChildSlice {
  readonly messageBytes: number
  /** Spans in milliseconds: without anything open; for the first answer; for any answer but a call's; before SIGKILL. */
  readonly idleMs: number
  readonly startMs: number
  readonly answerMs: number
  readonly graceMs: number
  /** When an answer that takes long becomes an event stream. */
  readonly openAfterMs: number
}

export interface ChildDeps {
  /** Ours alone, for sockets. */
  readonly folder: string
  readonly keeper: Keeper
  readonly live: LiveWork
  readonly gate: Gate
  /** Whether this call is open. */
  readonly isOpen: (call: string) => boolean
  /** `Egress.handle`. */
  readonly egress: (req: IncomingMessage, res: ServerResponse) => void
  /** A request at the socket of somebody's child was refused. */
  readonly refused: (access: Access, code: ErrorCode, requestId: string) => void
  readonly newRequestId: () => string
  readonly newCapability: () => string
  readonly now: () => number
  readonly log: Log
  readonly metrics: Pick<Metrics, 'stdioStray' | 'stdioChildren'>
}

export interface ChildParts {
  readonly server: Server
  readonly access: Access
  readonly era: Era
  /** Which one of this process it is. */
  readonly number: number
  /** Told when it is not to be spoken to any more. */
  readonly ended: (child: Child) => void
  /** What has to end before it may begin. */
  readonly after: Promise<unknown>
}

/** The child speaks the older protocol only. */
export class OtherEra extends Error {
  constructor() {
    super('the server does not speak 2026-07-28')
    this.name = 'OtherEra'
  }
}

/** How many lines in a minute may be nothing, or nothing that somebody waits for. */
const strayLines = 1000
const minuteMs = 60_000

/** One child with all that is its own. It ends once, for whatever reason; its process is gone a moment later. */
export class Child {
  readonly conversation: Conversation
  readonly access: Access
  /** Resolves when it may be spoken to. Rejects as it could not be started: server_not_started, server_exited, OtherEra. */
  readonly ready: Promise<void>
  /** Resolves when there is no process of it any more. */
  readonly gone: Promise<unknown>
  readonly #parts: ChildParts
  readonly #slice: ChildSlice
  readonly #deps: ChildDeps
  readonly #capability: string
  readonly #idle: NodeJS.Timeout
  readonly #unfile: () => void
  readonly #leave: () => void
  /** The calls that it was handed, by token. */
  readonly #calls = new Map<string, string>()
  readonly #stray: { begun: number; lines: number } = { begun: Number.NEGATIVE_INFINITY, lines: 0 }
  #process: Process | undefined
  #door: Door | undefined
  #unkeep: (() => void) | undefined
  #ended: Error | undefined
  #starts = true
  #exited = false

  constructor(parts: ChildParts, slice: ChildSlice, deps: ChildDeps) {
    this.#parts = parts
    this.#slice = slice
    this.#deps = deps
    this.access = parts.access
    this.#capability = deps.newCapability()
    this.conversation = new Conversation({
      ...slice,
      era: parts.era,
      now: deps.now,
      say: (message) => this.#say(message),
      stray: () => this.#strayed(),
      hold: (held) => this.#process?.hold(held),
      useless: () => this.end(new SallyportError('server_failed')),
    })
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.gone = promise
    this.#leave = () => resolve(undefined)
    this.#idle = setTimeout(() => this.#lookIdle(), slice.idleMs)
    const { principal, client, sid } = parts.access.session
    this.#unfile = deps.live.open(
      { principal, client, server: parts.server.name, sid },
      {
        abort: ({ reason }) => this.end(new SallyportError(reason)),
        // Its requests and those of its clients are frozen one by one.
        freeze: () => undefined,
      },
    )
    this.ready = this.#start().then(
      () => {
        this.#starts = false
      },
      (error: unknown) => {
        const known = error instanceof Error ? error : new SallyportError('server_not_started')
        this.end(known)
        throw known
      },
    )
    this.ready.catch(() => undefined)
  }

  /** Whether it could go without anybody's noticing. */
  get idle(): boolean {
    return this.#ended === undefined && !this.#starts && this.conversation.idle && this.#tokens().length === 0
  }

  /** It was spoken to. */
  touch(): void {
    if (this.#ended === undefined) this.#idle.refresh()
  }

  /** The call of this token is its own from now on, until it has ended. */
  handed(token: string, call: string): void {
    for (const [known, id] of this.#calls) if (!this.#deps.isOpen(id)) this.#calls.delete(known)
    this.#calls.set(token, call)
  }

  end(error: Error = new SallyportError('server_exited')): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    clearTimeout(this.#idle)
    this.#unfile()
    this.#parts.ended(this)
    this.conversation.end(error instanceof OtherEra ? new SallyportError('server_failed') : error)
    this.#door?.close()
    if (this.#process?.pid === undefined) this.#leave()
    else this.#process.end()
  }

  async #start(): Promise<void> {
    await this.#parts.after
    const { folder, keeper } = this.#deps
    const path = join(folder, String(this.#parts.number), 'egress')
    const door = await openDoor({
      path,
      capability: this.#capability,
      tokens: () => this.#tokens(),
      egress: (req, res) => {
        this.touch()
        this.#deps.egress(req, res)
      },
      refused: (code, requestId) => this.#deps.refused(this.access, code, requestId),
      newRequestId: this.#deps.newRequestId,
    })
    if (this.#ended === undefined) this.#door = door
    else door.close()
    this.#checkOpen()
    const process = this.#open(path)
    this.#process = process
    // Before anything is awaited: a process that we do not live to see run has to end too.
    if (process.pid !== undefined) this.#unkeep = keeper.keep(process.pid)
    await process.started
    if (this.#parts.era === 'modern') await this.#probe()
    this.#checkOpen()
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw this.#ended
  }

  #open(path: string): Process {
    const { server, number } = this.#parts
    const { command, env } = server.stdio ?? { command: [], env: {} }
    const facts = { server: server.name, child: number }
    const own = { SALLYPORT_EGRESS: `unix:${path}`, SALLYPORT_CAPABILITY: this.#capability }
    return new Process(
      { ...this.#slice, command, env: { ...env, ...own } },
      {
        // Of what was read at once, some may stand behind what ended it.
        line: (line) => {
          if (this.#ended === undefined) this.conversation.heard(line)
        },
        tooLong: () => this.end(new SallyportError('server_failed', {}, new Error('a line is too long'))),
        complaint: createComplaints(facts, this.#capability, this.#deps),
        gone: ({ code, signal }) => {
          const how = { ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) }
          this.#deps.log.info('stdio_child_gone', { ...facts, asked: this.#ended !== undefined, ...how })
          this.#unkeep?.()
          this.#exited = this.#ended === undefined
          this.end()
          this.#leave()
        },
      },
    )
  }

  /** A server of the older protocol may do anything with a newer message, or nothing; this asks in its place, once. */
  async #probe(): Promise<void> {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'sallyport', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const none = Promise.withResolvers<JsonObject>()
    const timer = setTimeout(() => none.resolve({}), this.#slice.startMs)
    // There are servers that end when the first message is no `initialize`.
    void this.gone.then(() => none.resolve({}))
    const asked = this.conversation.probe('server/discover', { _meta: meta })
    const { result } = await Promise.race([asked, none.promise]).finally(() => clearTimeout(timer))
    const versions = isJsonObject(result) ? result['supportedVersions'] : undefined
    if (Array.isArray(versions) && versions.includes('2026-07-28')) return
    // To have been revoked is another reason than to have ended by itself.
    if (!this.#exited) this.#checkOpen()
    throw new OtherEra()
  }

  #tokens(): string[] {
    return [...this.#calls].filter(([, call]) => this.#deps.isOpen(call)).map(([token]) => token)
  }

  #say(message: object): boolean {
    return this.#ended === undefined && this.#process?.say(message) === true
  }

  #strayed(): void {
    const { log, metrics, now } = this.#deps
    const facts = { server: this.#parts.server.name, child: this.#parts.number }
    const stray = this.#stray
    metrics.stdioStray.inc({ server: facts.server })
    if (now() - stray.begun > minuteMs) Object.assign(stray, { begun: now(), lines: 0 })
    stray.lines += 1
    if (stray.lines === 1) log.warn('stdio_stray_line', facts)
    if (stray.lines <= strayLines) return
    log.warn('stdio_stray_lines_too_many', { ...facts, lines: stray.lines })
    this.end(new SallyportError('server_failed'))
  }

  #lookIdle(): void {
    if (this.idle) this.end(new SallyportError('protocol_session_unknown'))
    else this.#idle.refresh()
  }
}
