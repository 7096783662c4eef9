import type { ServerResponse } from 'node:http'
import { epoch, SallyportError } from '../model/index.ts'
import { judgeHead } from './answer-head.ts'
import type { Inside } from './inside.ts'
import type { Passing } from './passing.ts'
import { refuse, rpcError } from './refusal.ts'
import { endInTime, Relay, type Relayed } from './relay.ts'
import { toolWork, workOf } from './tool-call.ts'

/** What the one who forwards wants to know of the answer. */
export interface Watch {
  /** Told of each message that may be about a task. */
  readonly note?: (message: unknown) => void
  /** What is told instead of a message, where there is a reason to. */
  readonly instead?: (message: unknown) => object | undefined
  readonly then: (ended: Relayed) => void
}

/** Mints the token, and passes message and answer on. Never throws. */
export function forward(passing: Passing, res: ServerResponse, inside: Inside, watch?: Watch): void {
  const { access, call } = passing
  const work =
    call === undefined
      ? workOf(access)
      : { ...toolWork(workOf(access), call.tool, inside.policy), call: call.id }
  let timer: NodeJS.Timeout | undefined
  const closing: { close?: () => void } = {}
  const it = new Relay({
    res,
    gate: inside.gate,
    work,
    rev: access.rev,
    idleMs: inside.idleMs,
    onHead: (status, answer) =>
      judgeHead(status, answer, { ...passing, note: watch?.note, instead: watch?.instead }, inside),
    done: (ended) => {
      clearTimeout(timer)
      closing.close?.()
      if (ended.error !== undefined)
        answerError(ended.error, { ...passing, streams: ended.streams }, res, inside)
      watch?.then(ended)
    },
  })
  closing.close = inside.live.open(work, it)
  // Whoever left while the record was written will not be heard to leave.
  if (res.destroyed) it.stop(new SallyportError('caller_left'))
  if (it.ended) {
    closing.close()
    return
  }
  if (call !== undefined) timer = setTimeout(() => it.stop(new SallyportError('call_timeout')), inside.callMs)
  send(passing, it, inside)
}

function send(passing: Passing, it: Relay, inside: Inside): void {
  const { fronted, call, method, body, head, access, era } = passing
  const { server, at } = fronted
  const token = mint(passing, inside)
  if (at === undefined) {
    const { session } = head
    const called = call === undefined ? undefined : { id: call.id, token }
    inside.stdio?.send({ server, access, era, method, session, body, call: called }, it)
    return
  }
  const headers = [...head.leaving, 'authorization', `Bearer ${token}`]
  inside.transport(at.origin).send({ path: at.path, method, headers, body, length: undefined }, it)
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

/** A stream that has begun ends with an error of its request, if it is one of events; everything else just ends. */
export function answerError(
  error: SallyportError,
  passing: Passing & { readonly streams: boolean },
  res: ServerResponse,
  { log, idleMs }: Inside,
): void {
  const { message, requestId, fronted, streams } = passing
  const id = message?.kind === 'request' ? message.id : undefined
  const context = { id, requestId, metadata: fronted.metadata }
  if (error.row.status >= 500)
    log.warn('gateway_failed', { request: requestId, server: fronted.server.name }, error)
  if (res.destroyed) return
  if (!res.headersSent) refuse(res, error, context)
  // Behind much that nobody reads an error would not be read either, and what waits there may be revoked.
  else if (streams && id !== undefined && !res.writableNeedDrain)
    endInTime(res, idleMs, `data: ${rpcError(error, context)}\n\n`)
  else res.destroy()
}
