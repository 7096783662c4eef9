import type { ServerResponse } from 'node:http'
import { type Access, asSallyportError, epoch, type RecordEvent, SallyportError } from '../model/index.ts'
import { showsLinks } from './ask.ts'
import { type AnswerView, asItComes, eventView, listView } from './answer-view.ts'
import type { Era } from './era.ts'
import type { Fronted, Inside } from './inside.ts'
import type { Head } from './head.ts'
import type { Message } from './message.ts'
import { refuse, rpcError } from './refusal.ts'
import { Relay, type Relayed } from './relay.ts'
import { factsOf, type ToolCall, whoOf, workOf } from './tool-call.ts'

/** A request that has passed all that is asked before it goes to the server. */
export interface Passing {
  readonly requestId: string
  readonly method: string
  readonly body: Buffer | null
  readonly head: Head
  readonly access: Access
  readonly fronted: Fronted
  readonly era: Era
  readonly message?: Message
  readonly call: ToolCall | undefined
}

/** Writes the record, mints the token, and passes message and answer on. Never throws. */
export function forward(passing: Passing, res: ServerResponse, inside: Inside): void {
  const { call, access, requestId } = passing
  if (call === undefined) {
    relay(passing, res, inside, () => undefined)
    return
  }
  const at = inside.clock.monotonic()
  const common = { request: requestId, who: whoOf(access), tool: call.tool, call: call.id }
  // What changes something is on the disk before anything of it is done (design §8).
  const durability = call.class === 'read' ? 'handed' : 'synced'
  inside.audit.note({ ...common, ...called(passing, call, inside) }, durability).then(
    () => {
      const { close, requests } = inside.calls.open({ ...call, maxRequests: inside.maxRequests })
      relay(passing, res, inside, (ended) => {
        close()
        const event: RecordEvent = {
          ...common,
          ...returned(ended),
          durationMs: inside.clock.monotonic() - at,
        }
        const made = { requests: requests() }
        inside.audit.note({ ...event, details: made }, 'handed').catch((error: unknown) => {
          inside.log.error('call_end_not_recorded', { request: requestId }, error)
        })
      })
    },
    (error: unknown) => answerError(asSallyportError(error), { ...passing, streams: false }, res, inside),
  )
}

function called({ head, access }: Passing, call: ToolCall, { policy }: Inside) {
  return {
    kind: 'call',
    class: call.class,
    decision: 'allow',
    reason: 'allowed',
    rule: call.rule,
    policy: policy.version,
    rev: access.rev,
    ...(head.trace === undefined ? {} : { trace: head.trace }),
    details: { args_digest: call.digest },
  } as const
}

function returned({ status, bytesOut, error }: Relayed) {
  const aborted = error?.code === 'caller_left' || error?.code === 'caller_stalled'
  return {
    kind: 'return',
    result: error === undefined ? 'done' : aborted ? 'aborted' : 'failed',
    bytesOut,
    ...(status === undefined ? {} : { status }),
    ...(error === undefined ? {} : { reason: error.code }),
  } as const
}

function relay(passing: Passing, res: ServerResponse, inside: Inside, then: (ended: Relayed) => void): void {
  const { access, fronted, call, method, body, head } = passing
  const work = { ...workOf(access), ...(call === undefined ? {} : { tool: call.tool, call: call.id }) }
  let timer: NodeJS.Timeout | undefined
  const closing: { close?: () => void } = {}
  const it = new Relay({
    res,
    gate: inside.gate,
    work,
    rev: access.rev,
    idleMs: inside.idleMs,
    onHead: (status, answer) => judgeHead(status, answer, passing, inside),
    done: (ended) => {
      clearTimeout(timer)
      closing.close?.()
      if (ended.error !== undefined)
        answerError(ended.error, { ...passing, streams: ended.streams }, res, inside)
      then(ended)
    },
  })
  closing.close = inside.live.open(work, it)
  if (it.ended) {
    closing.close()
    return
  }
  if (call !== undefined) timer = setTimeout(() => it.stop(new SallyportError('call_timeout')), inside.callMs)
  const headers = [...head.leaving, 'authorization', `Bearer ${mint(passing, inside)}`]
  inside.transport(fronted.origin).send({ path: fronted.path, method, headers, body, length: undefined }, it)
}

/** What is no call of a tool gets a token that is good for no operation. */
function mint({ access, call, fronted, requestId }: Passing, { identity, clock, callMs }: Inside): string {
  const expiresAt = epoch(Math.min(access.expiresAt, clock.now() + Math.ceil(callMs / 1000)))
  if (call === undefined) {
    const audiences = [fronted.server.resource]
    return identity.mintCall({ ...access, audiences, expiresAt, jti: requestId, call: { id: requestId } }, {})
  }
  const { id, tool, audiences } = call
  return identity.mintCall(
    { ...access, audiences, expiresAt, jti: id, call: { id, tool } },
    { class: call.class, args_digest: call.digest },
  )
}

/** What of an answer's head is for the client. Cookies and challenges of the server are not. */
const passes = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'cache-control',
  'mcp-session-id',
  'mcp-protocol-version',
  'x-accel-buffering',
  'retry-after',
  'allow',
])

function judgeHead(
  status: number,
  head: readonly string[],
  passing: Passing,
  inside: Inside,
): { readonly head: readonly string[]; readonly view: AnswerView; readonly streams: boolean } {
  // A client that is told 401 signs in again; what the server does not take is our token.
  if (status === 401) throw new SallyportError('server_refused')
  if (status >= 300 && status < 400) throw new SallyportError('server_failed')
  const told = new Map<string, string>()
  for (let index = 0; index < head.length; index += 2) {
    const name = head[index] ?? ''
    if (passes.has(name)) told.set(name, head[index + 1] ?? '')
  }
  noteSession(status, told, passing, inside)
  const streams = /^text\/event-stream(?:$|[ ;])/i.test(told.get('content-type') ?? '')
  const view = viewOf(told, streams, passing, inside)
  if (view !== asItComes) told.delete('content-length')
  told.set('sallyport-request-id', passing.requestId)
  return { head: [...told].flat(), view, streams }
}

function viewOf(
  told: ReadonlyMap<string, string>,
  streams: boolean,
  passing: Passing,
  inside: Inside,
): AnswerView {
  const lists = passing.message?.kind === 'request' && passing.message.method === 'tools/list'
  if (!lists && !streams) return asItComes
  // A list that cannot be read cannot be shown in part.
  if (told.has('content-encoding')) throw new SallyportError('server_failed')
  const terms = {
    era: passing.era,
    visible: (tool: string) => inside.policy.call(factsOf(passing.access, tool)).effect === 'allow',
    maxBytes: inside.messageBytes,
  }
  return streams ? eventView(terms) : listView(terms)
}

function noteSession(
  status: number,
  told: ReadonlyMap<string, string>,
  { access, fronted, message, method, head }: Passing,
  { sessions }: Inside,
): void {
  const id = told.get('mcp-session-id')
  const begins = message?.kind === 'request' && message.method === 'initialize'
  if (begins && id !== undefined && status < 300)
    sessions.begin(id, fronted.server.name, access, showsLinks(message.params['capabilities']))
  if (method === 'DELETE' && status < 300 && head.session !== undefined)
    sessions.end(head.session, fronted.server.name)
}

/** A stream that has begun ends with an error of its request, if it is one of events; everything else just ends. */
function answerError(
  error: SallyportError,
  passing: Passing & { readonly streams: boolean },
  res: ServerResponse,
  { log }: Inside,
): void {
  const { message, requestId, fronted, streams } = passing
  const id = message?.kind === 'request' ? message.id : undefined
  const context = { id, requestId, metadata: fronted.metadata }
  if (error.row.status >= 500)
    log.warn('gateway_failed', { request: requestId, server: fronted.server.name }, error)
  if (res.destroyed) return
  if (!res.headersSent) refuse(res, error, context)
  else if (streams && id !== undefined) res.end(`data: ${rpcError(error, context)}\n\n`)
  else res.destroy()
}
