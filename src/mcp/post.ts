import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Access, asSallyportError, isMethodName, SallyportError } from '../model/index.ts'
import { type Era, eraOfMessage, type Versions, versionsFor } from './era.ts'
import { forwardOther } from './forward-other.ts'
import { forwardCall } from './forward-call.ts'
import type { Fronted, Inside } from './inside.ts'
import type { Head } from './head.ts'
import { idOf, type Message, readMessage, type RequestId } from './message.ts'
import { askFor } from './missing.ts'
import { collect } from './receive.ts'
import { checkRepeatedArguments } from './repeated.ts'
import { answerRpc, unknownTool } from './refusal.ts'
import { takeBudget } from './take-budget.ts'
import { type DecidedCall, decideCall, decideMethod, recordRefusedCall } from './tool-call.ts'

/** One request at the gateway, with what was found out about it so far, for its answer should it fail. */
export interface Turn {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly requestId: string
  fronted: Fronted | undefined
  id: RequestId | undefined
  versions: Versions | undefined
}

/** Who asks, and for which server. */
interface Known {
  readonly head: Head
  readonly access: Access
  readonly fronted: Fronted
}

type Request = Extract<Message, { kind: 'request' }>

/** One message of a client: read once, decided on, and passed on as what was read. */
export async function post(turn: Turn, { head, access, fronted }: Known, inside: Inside): Promise<void> {
  const { req, res, requestId } = turn
  const came = await collect(req, head, inside)
  const message = readOr(came, turn)
  if (message.kind === 'request') turn.id = message.id
  const era = eraOr(turn, message, head)
  if (head.session !== undefined) inside.sessions.check(head.session, fronted.server.name, access)
  const passing = { requestId, method: 'POST', body: came, head, access, fronted, era }
  if (message.kind === 'request' && message.method === 'tools/call') {
    const own = inside.states.redeem(message, access)
    // What was ours in it is taken out, so what goes on is written anew.
    const body = own === message ? came : write(own)
    const decided = decideCall(own, access, fronted.server, inside)
    // Not before it is decided: what a hidden tool's headers are is not told.
    if (decided.effect === 'allow' && era === 'modern')
      checkRepeatedArguments(own, head, inside.definitions.repeated(fronted.server.name, decided.call.tool))
    await callAs(decided, { ...passing, body }, own, { turn, inside })
    return
  }
  const decided =
    message.kind === 'request' ? decideMethod(message, access, fronted.server, inside) : undefined
  if (message.kind !== 'request' || decided === undefined)
    forwardOther({ ...passing, message, call: undefined }, res, inside)
  else await callAs(decided, passing, message, { turn, inside })
}

interface PassingCall extends Known {
  readonly requestId: string
  readonly method: string
  readonly body: Buffer
  readonly era: Era
}

/** From the decision to the record, the open call and the server. */
async function callAs(
  decided: DecidedCall,
  passing: PassingCall,
  message: Request,
  { turn, inside }: { readonly turn: Turn; readonly inside: Inside },
): Promise<void> {
  const taken = decided.effect === 'deny' ? decided : await takeBudget(decided.call, passing.access, inside)
  if (taken.effect === 'deny') {
    const { reason, rule, hidden, retryAfter } = taken
    recordRefusedCall(taken, { ...passing, requestId: turn.requestId }, inside)
    if (!hidden)
      throw new SallyportError(reason, { rule, ...(retryAfter === undefined ? {} : { retryAfter }) })
    // For its client, a tool that may not be called is one that does not exist. Why it may not stands in the record.
    answerRpc(turn.res, 200, unknownTool(message.id, message.params['name'] ?? null))
    return
  }
  const { call, release } = taken
  try {
    // Nothing is begun without what the tool needs. Of one that is only observed nobody has said what that is, and for a
    // method there is no answer that asks.
    const uses = call.observed === undefined && !isMethodName(call.tool) ? call.uses : []
    const missing = await inside.missing(passing.access, passing.fronted.server, uses)
    if (missing.length === 0) {
      forwardCall({ ...passing, message, call, release }, turn.res, inside)
      return
    }
    answerRpc(turn.res, 200, JSON.stringify(askFor(passing, message, missing, inside)))
  } catch (error) {
    release()
    throw error
  }
  release()
}

function write({ id, method, params }: Request): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
}

function eraOr(turn: Turn, message: Message, head: Head): Era {
  try {
    return eraOfMessage(message, head)
  } catch (error) {
    const known = asSallyportError(error)
    if (known.code === 'protocol_version_unsupported') turn.versions = versionsFor(message, head)
    throw known
  }
}

function readOr(body: Buffer, turn: Turn): Message {
  try {
    return readMessage(body)
  } catch (error) {
    turn.id = idOf(body)
    throw error
  }
}
