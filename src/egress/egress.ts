import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Audit } from '../audit/index.ts'
import type { Exchange } from '../exchange/index.ts'
import type { Identity } from '../identity/index.ts'
import {
  type Access,
  type Clock,
  type Gate,
  type LiveWork,
  type OpenCalls,
  SallyportError,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Log, Metrics } from '../telemetry/index.ts'
import { answerProblem, answerSocket } from './answer.ts'
import { connect, type ConnectDeps } from './connect.ts'
import { type HandleDeps, handle, list } from './handle.ts'
import { createLeakGuard } from './leak/leak-guard.ts'
import { KnownAccess } from './known.ts'
import type { Doorplate } from './receive.ts'
import type { SendDeps } from './send.ts'
import type { Transport } from './transport.ts'

/** Spans are milliseconds. */
export interface EgressSlice extends Doorplate {
  /** `record.reads`: how durable the record of a read is before it is sent. */
  readonly reads: 'handed' | 'synced'
  /** How long a caller may take for a short body. */
  readonly stallMs: number
  /** How long a streaming caller may send nothing, or take nothing. */
  readonly idleMs: number
  /** Tunnels: how long one may be open, and how many at once. None where it is left out. */
  readonly tunnels?: { readonly lifeMs: number; readonly max: number }
}

export interface EgressDeps {
  readonly identity: Pick<Identity, 'identify'>
  readonly policy: Policy
  readonly audit: Audit
  readonly exchange: Pick<Exchange, 'acquire' | 'refused' | 'wants'>
  /** Where the person of this token connects to a downstream. */
  readonly connectUrl: (access: Access, downstream: string) => string
  readonly gate: Gate
  readonly live: LiveWork
  readonly calls: OpenCalls
  /** `Dial.transport`. */
  readonly transport: (origin: string) => Transport
  /** `Dial.tunnel`. */
  readonly tunnel?: (place: string) => Promise<Socket>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly newRequestId: () => string
  readonly log: Log
  readonly metrics: Pick<Metrics, 'countRequest' | 'lateInjections' | 'leakHits'>
}

export interface Egress {
  /**
   * `ANY /downstream/{name}/{path}`, the same in absolute form, and `GET /downstreams`; whatever else comes is answered
   * 404. Never throws.
   */
  handle(req: IncomingMessage, res: ServerResponse): void
  /** `CONNECT`, for a listener's event of that name. Never throws. */
  connect(req: IncomingMessage, socket: Socket, early: Buffer): void
  /** Refuses what comes from now on; resolves when what is in progress has ended. Streams are ended by `LiveWork`. */
  close(): Promise<void>
}

export function createEgress(slice: EgressSlice, deps: EgressDeps): Egress {
  const known = new KnownAccess()
  const inside: HandleDeps = {
    ...deps,
    known,
    door: slice,
    reads: slice.reads,
    stallMs: slice.stallMs,
    count: deps.metrics.countRequest,
    leaks: createLeakGuard(),
    send: { ...deps, idleMs: slice.idleMs, withheld: tellWithheld(deps) },
  }
  const through = connectDeps(slice, deps)
  let running = 0
  let idle: (() => void) | undefined
  let closing = false
  const done = () => {
    running -= 1
    if (running === 0) idle?.()
  }
  return {
    handle: (req, res) => {
      if (closing) {
        answerProblem(res, new SallyportError('shutting_down'), deps.newRequestId())
        return
      }
      running += 1
      if (req.url === '/downstreams' && req.method === 'GET') void list(req, res, inside).finally(done)
      else handle(req, res, inside, done)
    },
    connect: (req, socket, early) => {
      if (closing) {
        answerSocket(socket, new SallyportError('shutting_down'), deps.newRequestId())
        return
      }
      running += 1
      void connect(req, { socket, early }, through).finally(done)
    },
    close: async () => {
      closing = true
      if (running === 0) return
      await new Promise<void>((resolve) => {
        idle = resolve
      })
    },
  }
}

/** A reflected credential is an alert: the downstream is broken or hostile, and the credential may be elsewhere too. */
function tellWithheld({ log, metrics }: EgressDeps): SendDeps['withheld'] {
  return ({ id, downstream }, why, where) => {
    if (why !== 'credential_reflected') return
    metrics.leakHits.labels(downstream.name, where).inc()
    log.error('credential_reflected', { request: id, downstream: downstream.name, where })
  }
}

function connectDeps(slice: EgressSlice, deps: EgressDeps): ConnectDeps {
  const { lifeMs, max } = slice.tunnels ?? { lifeMs: 0, max: 0 }
  let open = 0
  const release = () => {
    open -= 1
  }
  return {
    ...deps,
    tunnel: deps.tunnel ?? (() => Promise.reject(new SallyportError('connect_refused'))),
    door: slice,
    count: deps.metrics.countRequest,
    limits: { helloMs: slice.stallMs, idleMs: slice.idleMs, lifeMs },
    take: () => {
      if (open >= max) return undefined
      open += 1
      return release
    },
  }
}

/**
 * How a listener that puts requests before `Egress.handle` has to be made. Node's strict parser refuses a length
 * beside chunked, two lengths, bare line feeds, controls in headers and obsolete folding before any code of ours
 * runs. There is no limit on the time of a whole request, since uploads may be long; heads and short bodies have one.
 */
export function listenerOptions(headersTimeoutMs: number): ServerOptions {
  return {
    insecureHTTPParser: false,
    requireHostHeader: true,
    joinDuplicateHeaders: false,
    maxHeaderSize: 16_384,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    noDelay: true,
    // A request that declares no body gets no stream to read one from.
    optimizeEmptyRequests: true,
  }
}
