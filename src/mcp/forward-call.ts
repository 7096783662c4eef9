import type { ServerResponse } from 'node:http'
import { asSallyportError, isMethodName, type RecordEvent, recordWho } from '../model/index.ts'
import { answerError, forward } from './forward.ts'
import type { Passing } from './passing.ts'
import type { Inside } from './inside.ts'
import { answers, askFor } from './missing.ts'
import type { Relayed } from './relay.ts'
import { taskIn } from './tasks.ts'
import { type ToolCall, toolWork, workOf } from './tool-call.ts'

type PassingCall = Passing & {
  readonly call: ToolCall
  /** Gives back the call's place among those that may be open. */
  readonly release: () => void
}

/** Writes the record of a call, opens it, and passes it on; it is closed with its answer, or with the task it becomes. */
export function forwardCall(passing: PassingCall, res: ServerResponse, inside: Inside): void {
  const { call, access, requestId } = passing
  const common = { request: requestId, who: recordWho(access), tool: call.tool, call: call.id }
  // What changes something is on the disk before anything of it is done (design §8).
  const durability = call.class === 'read' ? 'handed' : 'synced'
  inside.audit
    .note({ ...common, ...called(passing, inside) }, durability)
    .then(() => passOn(passing, res, inside, common))
    .catch((error: unknown) => {
      passing.release()
      answerError(asSallyportError(error), { ...passing, streams: false }, res, inside)
    })
}

function passOn(
  passing: PassingCall,
  res: ServerResponse,
  inside: Inside,
  common: Pick<RecordEvent, 'request' | 'who' | 'tool' | 'call'>,
): void {
  const at = inside.clock.monotonic()
  const {
    close: end,
    requests,
    needed,
  } = inside.calls.open({ ...passing.call, maxRequests: inside.maxRequests })
  const close = () => {
    end()
    passing.release()
  }
  let task: string | undefined
  forward(passing, res, inside, {
    // Its server knows only that something failed; its person can be asked.
    instead: (told) => {
      const { message } = passing
      const missing = needed().flatMap((name) => inside.policy.downstream(name) ?? [])
      const asks = missing.length > 0 && !isMethodName(passing.call.tool)
      const ask = asks && message?.kind === 'request' && answers(told, message)
      return ask ? askFor(passing, message, missing, inside) : undefined
    },
    note: (message) => {
      const found = taskIn(message)
      if (found !== undefined && !found.over) task ??= found.id
    },
    then: (ended) => {
      if (task === undefined || ended.error !== undefined) close()
      else goOn(task, close, passing, inside)
      const durationMs = Math.round(inside.clock.monotonic() - at)
      const details = { requests: requests(), ...(task === undefined ? {} : { task }) }
      const event: RecordEvent = { ...common, ...returned(ended), durationMs, details }
      inside.audit.note(event, 'handed').catch((error: unknown) => {
        inside.log.error('call_end_not_recorded', { request: common.request }, error)
      })
    },
  })
}

/** The call stays open for its task: until that is over, somebody is revoked, or a call's longest time has passed. */
function goOn(id: string, close: () => void, { access, call, fronted }: PassingCall, inside: Inside): void {
  const { name } = fronted.server
  const work = { ...toolWork(workOf(access), call.tool, inside.policy), call: call.id }
  const ending: { unfile?: () => void } = {}
  const over = () => {
    clearTimeout(timer)
    ending.unfile?.()
    close()
  }
  const timer = setTimeout(over, inside.callMs)
  timer.unref()
  ending.unfile = inside.live.open(work, { abort: over, freeze: () => undefined })
  inside.tasks.begin(id, name, access, { tool: call.tool, close: over })
}

function called({ head, access, call, fronted }: PassingCall, { policy }: Inside) {
  const { environment } = fronted.server
  const parameters = policy.recorded(access.session.server, call.tool, call.arguments)
  return {
    kind: 'call',
    class: call.class,
    decision: 'allow',
    reason: 'allowed',
    rule: call.rule,
    policy: policy.version,
    rev: access.rev,
    ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    ...(head.trace === undefined ? {} : { trace: head.trace }),
    ...(call.observed === undefined ? {} : { observed: call.observed.reason }),
    details: {
      args_digest: call.digest,
      ...(environment === undefined ? {} : { environment }),
      ...(call.observed === undefined ? {} : { observed_rule: call.observed.rule }),
    },
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
