/**
 * The control faces' HTTP: one fastify instance a face with request ids, limits, Host and Origin checks, and the
 * one place where an error becomes an answer. The hot path is not here: the egress is a plain handler in front.
 * A face listens before its instance is there: that is made when the first request asks for it.
 */
import { type IncomingMessage, type Server, createServer, type ServerResponse } from 'node:http'
import { rmSync } from 'node:fs'
import { isIP, type ListenOptions, Socket } from 'node:net'
import type { FastifyError, FastifyInstance } from 'fastify'
import { answerSocket, listenerOptions } from './egress/index.ts'
import { asSallyportError, type Rendered, renderOAuth, renderProblem, SallyportError } from './model/index.ts'
import type { Log } from './telemetry/index.ts'

/** How long a caller may take to send its headers (slow-loris). */
const headersTimeoutMs = 15_000

export interface FaceOptions {
  readonly name: string
  readonly reader: 'caller' | 'operator'
  /** Does this Host header name the face? Anything else is refused (DNS rebinding). */
  readonly namesUs: (host: string) => boolean
  /** May a page of this origin ask? None may where this is left out. */
  readonly servesOrigin?: (
    origin: string,
    request: { readonly url: string; readonly host: string },
  ) => boolean
  /** Takes a request before fastify sees it; says whether it did. */
  readonly first?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Takes every `CONNECT`; without it they are refused. */
  readonly connect?: (request: IncomingMessage, socket: Socket, early: Buffer) => void
  /** Gives the face its routes, once. */
  readonly mount: (app: FastifyInstance) => unknown
}

export interface FaceDeps {
  readonly log: Log
  readonly requestId: () => string
}

export interface Face {
  readonly server: Server
  /** Makes what answers, where no request has asked for it yet. */
  open(): Promise<unknown>
  /** Takes no new connection and ends those that are open. */
  close(): Promise<void>
}

type Route = (request: IncomingMessage, response: ServerResponse) => void

export function createFace(options: FaceOptions, deps: FaceDeps): Face {
  let opening: Promise<Route> | undefined
  const open = (): Promise<Route> =>
    (opening ??= openRoutes(options, deps).catch((error: unknown) => {
      opening = undefined
      throw error
    }))
  const handle: Route = (request, response) => {
    open().then(
      (route) => route(request, response),
      (error: unknown) => {
        const id = deps.requestId()
        deps.log.error('a face could not be opened', { face: options.name, request: id }, error)
        const { status, headers, body } = renderProblem(asSallyportError(error), id, options.reader)
        response.writeHead(status, headers).end(body)
      },
    )
  }
  const server = createFaceServer(handle, options, deps)
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { server, open, close }
}

// Not at the top: fastify is a fifth of what a start loads, and an injected request passes it by.
const loadFastify = () => import('fastify')

/** Loads what the faces are made of before it is needed: while a start waits for the vault and the disk, it is free. */
export function preloadFaces(): void {
  // Whoever needs it next is told what is wrong.
  loadFastify().catch(() => undefined)
}

/** What answers at one face. Bodies are small here: 64 KiB, refused beyond. */
async function openRoutes(options: FaceOptions, deps: FaceDeps): Promise<Route> {
  const { fastify } = await loadFastify()
  const app = fastify({
    genReqId: () => deps.requestId(),
    bodyLimit: 64 * 1024,
    // Names of tools are longer than fastify's 100.
    routerOptions: { maxParamLength: 512 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  })
  app.addHook('onRequest', async (request) => {
    const host = (request.headers.host ?? '').toLowerCase()
    if (!options.namesUs(host)) throw new SallyportError('host_refused')
    const { origin } = request.headers
    if (origin !== undefined && options.servesOrigin?.(origin, { url: request.url, host }) !== true)
      throw new SallyportError('origin_refused')
  })
  app.setNotFoundHandler((request, reply) => {
    const rendered = renderProblem(new SallyportError('not_found'), request.id, options.reader)
    return reply.status(rendered.status).headers(rendered.headers).send(rendered.body)
  })
  app.setErrorHandler((error: Error, request, reply) => {
    const known = fromFastify(error)
    if (known.row.status >= 500)
      deps.log.error('a request failed', { face: options.name, request: request.id }, error)
    const rendered = renderFor(request.url, known, request.id, options.reader)
    return reply.status(rendered.status).headers(rendered.headers).send(rendered.body)
  })
  await options.mount(app)
  await app.ready()
  return app.routing
}

function renderFor(url: string, error: SallyportError, id: string, reader: 'caller' | 'operator'): Rendered {
  return url.startsWith('/oauth2/') ? renderOAuth(error, id) : renderProblem(error, id, reader)
}

/** fastify's own refusals (schema, size, content type) in our words; the offending text is not repeated. */
function fromFastify(error: Error & Partial<FastifyError>): SallyportError {
  if (error instanceof SallyportError) return error
  if (error.validation !== undefined) {
    const [first] = error.validation
    const field = `${error.validationContext ?? 'body'}${(first?.instancePath ?? '').replaceAll('/', '.')}`
    return new SallyportError('request_malformed', { field, remedy: first?.message ?? '' }, error)
  }
  if (error.statusCode === 413) return new SallyportError('body_too_large', {}, error)
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new SallyportError('request_malformed', {}, error)
  }
  return asSallyportError(error)
}

function createFaceServer(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  { first, connect }: FaceOptions,
  deps: FaceDeps,
): Server {
  const server = createServer(listenerOptions(headersTimeoutMs), (request, response) => {
    if (first?.(request, response) !== true) handler(request, response)
  })
  server.on('connect', (request, socket, early) => {
    if (!(socket instanceof Socket)) socket.destroy()
    else if (connect !== undefined) connect(request, socket, early)
    // Node would close the connection without a word.
    else answerSocket(socket, new SallyportError('method_refused'), deps.requestId())
  })
  // Streams and long calls are ended by the live registry, not by a timer of the listener.
  server.timeout = 0
  return server
}

/**
 * Judges Host headers: the names given, and where the face listens on every address also any IP literal, since a
 * rebinding attack needs a name.
 */
export function hostJudge(names: readonly string[], everyAddress: boolean): (host: string) => boolean {
  const known = new Set(names.map((name) => name.toLowerCase()))
  return (host) =>
    known.has(host) || (everyAddress && isIP(host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) !== 0)
}

/** Where a face really listens; the port is known only then when the configuration says 0. */
export interface Listening {
  readonly url: string
  readonly hosts: readonly string[]
  readonly everyAddress: boolean
}

/** @throws config_invalid when the address cannot be had, naming the field */
export async function listen(
  server: Server,
  name: string,
  address: { readonly host: string; readonly port: number; readonly socket?: string },
): Promise<Listening> {
  try {
    if (address.socket !== undefined) {
      rmSync(address.socket, { force: true })
      const before = process.umask(0o117)
      try {
        await listening(server, { path: address.socket })
      } finally {
        process.umask(before)
      }
      return { url: `unix:${address.socket}`, hosts: ['localhost'], everyAddress: false }
    }
    await listening(server, { host: address.host, port: address.port })
  } catch (error) {
    throw new SallyportError(
      'config_invalid',
      { field: `listen.${name}`, remedy: 'the address is taken or not of this machine: give another one' },
      error,
    )
  }
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  const everyAddress = host === '0.0.0.0' || host === '[::]'
  const names = [host, '127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`)
  return { url: `http://${everyAddress ? '127.0.0.1' : host}:${port}`, hosts: names, everyAddress }
}

function listening(server: Server, at: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(at, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
