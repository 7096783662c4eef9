import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Audit, Recorded } from '../audit/index.ts'
import type { Identity } from '../identity/index.ts'
import {
  type Access,
  asSallyportError,
  type Clock,
  type Decision,
  type Gate,
  type LiveWork,
  recordWho,
  SallyportError,
  type Work,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { CountRequest, Log } from '../telemetry/index.ts'
import { answerSocket } from './answer.ts'
import { readAuthority } from './authority.ts'
import { callerFacts, workOf } from './known.ts'
import { callRule } from './open-call.ts'
import { readProxyToken } from './proxy-token.ts'
import { type Doorplate, readHead, refuseElsewhere } from './receive.ts'
import { recordRefusal } from './settle.ts'
import { Tunnel, type Tunnelled, type TunnelLimits } from './tunnel.ts'

export interface ConnectDeps {
  readonly door: Doorplate
  readonly identity: Pick<Identity, 'identify'>
  readonly policy: Policy
  readonly audit: Audit
  readonly gate: Gate
  readonly live: LiveWork
  /** `Dial.tunnel`. */
  readonly tunnel: (place: string) => Promise<Socket>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Log
  readonly count: CountRequest
  readonly newRequestId: () => string
  readonly limits: TunnelLimits
  /** Takes one of the tunnels that may be open, or says that there is none; what it returns gives it back. */
  readonly take: () => (() => void) | undefined
}

/** A `CONNECT` (RFC 9110 §9.3.6) as it came. */
export interface Called {
  readonly socket: Socket
  /** What came behind the head. */
  readonly early: Buffer
}

/**
 * The life of one tunnel: receive, identify, decide, record, dial, and then bytes, without any credential. It is
 * answered with a problem until the connection stands, and then ended with whatever it was. Never throws.
 */
export async function connect(req: IncomingMessage, called: Called, deps: ConnectDeps): Promise<void> {
  const { socket } = called
  // The listener has let go of the socket: without this an error on it would end the process.
  socket.on('error', () => undefined)
  const id = deps.newRequestId()
  const at = deps.clock.monotonic()
  let error: SallyportError | undefined
  if (isAnswering(socket)) {
    socket.destroy()
    return
  }
  try {
    const { place, host, bearer } = receiveConnect(req, deps.door)
    const access = await deps.identity.identify(bearer)
    const decision = decide(access, place, deps)
    if (decision.effect === 'deny') {
      const { reason, rule } = decision
      recordRefusal({ id, access, method: 'CONNECT', place, rule }, reason, deps)
      throw new SallyportError(reason, { rule })
    }
    const release = deps.take()
    if (release === undefined) throw new SallyportError('tunnels_full')
    try {
      error = await carry({ id, at, access, place, host, rule: decision.rule }, called, deps)
    } finally {
      release()
    }
  } catch (thrown) {
    error = asSallyportError(thrown)
  }
  if (error !== undefined && !socket.destroyed) answerSocket(socket, error, id)
  deps.count(undefined, error?.code ?? 'allowed', (deps.clock.monotonic() - at) / 1000)
  if (error?.code === 'internal') deps.log.error('connect_failed', { request: id }, error)
}

/** An answer to an earlier request is still due on this connection: it would be written into the tunnel. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: due } = socket as { readonly _httpMessage?: object | null }
  return due !== undefined && due !== null
}

/**
 * One place, named twice alike. HTTP/1.0 is taken here, since Python up to 3.11 asks for tunnels in it.
 * @throws request_malformed, host_mismatch, token_*, origin_refused
 */
function receiveConnect(
  { url = '', httpVersion, rawHeaders }: IncomingMessage,
  door: Doorplate,
): { readonly place: string; readonly host: string; readonly bearer: string } {
  const head = readHead(rawHeaders, door)
  const asked = readAuthority(url)
  const body = head.chunked || (head.length ?? 0) !== 0
  if (asked?.port === undefined || body || !/^1\.[01]$/.test(httpVersion))
    throw new SallyportError('request_malformed')
  const { host, port } = asked
  if (head.host !== undefined) checkNamesSame(head.host, host, port)
  else if (httpVersion !== '1.0') throw new SallyportError('request_malformed')
  const bearer = readProxyToken(rawHeaders, head.authorization)
  refuseElsewhere(bearer, url, head.leaving)
  return { place: `${host}:${port}`, host, bearer }
}

/** `Host` without a port stands for the port that a scheme implies. */
function checkNamesSame(text: string, host: string, port: number): void {
  const named = readAuthority(text)
  const implied = named?.port === undefined && (port === 443 || port === 80)
  if (named?.host !== host || !(implied || named.port === port)) throw new SallyportError('host_mismatch')
}

/** What goes through a tunnel is taken for a write, here and in the record. */
const tunnelWork = (access: Access): Work => ({ ...workOf(access), class: 'write' })

function decide(access: Access, place: string, { policy, gate }: ConnectDeps): Decision<string> {
  const barred = gate.check(tunnelWork(access), access.rev)
  if (barred !== undefined) return { effect: 'deny', reason: barred.reason, rule: 'revocation' }
  // A tunnel is no operation, so a call has none either; without a tool the rules would take it for a session.
  if (access.call !== undefined && access.call.tool === undefined)
    return { effect: 'deny', reason: 'call_operations_none', rule: callRule }
  return policy.connect(callerFacts(access), place)
}

interface Allowed {
  readonly id: string
  readonly at: number
  readonly access: Access
  readonly place: string
  readonly host: string
  readonly rule: string
}

/**
 * From the record to the end. What goes through a tunnel is not seen, so it is recorded as what may change something:
 * the intent is on the disk before anything is dialled.
 */
async function carry(
  allowed: Allowed,
  { socket, early }: Called,
  deps: ConnectDeps,
): Promise<SallyportError | undefined> {
  const { id, access, place, host } = allowed
  const recorded = await recordIntent(allowed, deps)
  const { gate, live, limits } = deps
  const work = tunnelWork(access)
  const established = `HTTP/1.1 200 Connection Established\r\nsallyport-request-id: ${id}\r\n\r\n`
  const { tunnel, ended } = await new Promise<{ tunnel: Tunnel; ended: Tunnelled }>((resolve) => {
    const settle = (ended: Tunnelled) => resolve({ tunnel, ended })
    const parts = { client: socket, early, host, established, gate, work, rev: access.rev, limits, settle }
    const tunnel = new Tunnel(parts)
    tunnel.begin(live.open(work, tunnel))
    deps
      .tunnel(place)
      .then((upstream) => tunnel.join(upstream))
      .catch((error: unknown) => tunnel.fail(error))
  })
  const { error, ...bytes } = ended
  deps.audit.finish(recorded, {
    kind: 'outcome',
    request: id,
    who: recordWho(allowed.access),
    operation: `CONNECT ${place}`,
    durationMs: Math.round(deps.clock.monotonic() - allowed.at),
    ...bytes,
    ...(error === undefined ? {} : { reason: error.code }),
  })
  return tunnel.joined ? undefined : error
}

function recordIntent(
  { id, access, place, rule }: Allowed,
  { audit, policy, gate }: ConnectDeps,
): Recorded | Promise<Recorded> {
  return audit.begin(
    {
      kind: 'intent',
      request: id,
      who: recordWho(access),
      method: 'CONNECT',
      operation: `CONNECT ${place}`,
      class: 'write',
      decision: 'allow',
      reason: 'allowed',
      rule,
      policy: policy.version,
      rev: gate.applied,
    },
    'synced',
  )
}
