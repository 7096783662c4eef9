import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Access, asSallyportError, SallyportError } from '../model/index.ts'
import { askToConnect, capabilitiesOf, showsLinks } from './ask.ts'
import { type Era, eraOfMessage, type Versions, versionsFor } from './era.ts'
import { forwardOther } from './forward-other.ts'
import { forwardCall } from './forward-call.ts'
import type { Fronted, Inside } from './inside.ts'
import type { Head } from './head.ts'
import { idOf, type Message, readMessage, type RequestId } from './message.ts'
import { collect } from './receive.ts'
import { answerRpc, unknownTool } from './refusal.ts'
import { decideCall, recordRefusedCall, type ToolCall } from './tool-call.ts'

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
  if (message.kind !== 'request' || message.method !== 'tools/call') {
    forwardOther({ ...passing, message, call: undefined }, res, inside)
    return
  }
  const own = inside.states.redeem(message, access)
  // What was ours in it is taken out, so what goes on is written anew.
  const body = own === message ? came : write(own)
  await callTool({ ...passing, body }, own, { turn, inside })
}

interface PassingCall extends Known {
  readonly requestId: string
  readonly method: string
  readonly body: Buffer
  readonly era: Era
}

async function callTool(
  passing: PassingCall,
  message: Request,
  { turn, inside }: { readonly turn: Turn; readonly inside: Inside },
): Promise<void> {
  const decided = decideCall(message, passing.access, passing.fronted.server, inside)
  if (decided.effect === 'deny') {
    recordRefusedCall(decided, { ...passing, requestId: turn.requestId }, inside)
    if (!decided.hidden) throw new SallyportError(decided.reason, { rule: decided.rule })
    // For its client, a tool that may not be called is one that does not exist. Why it may not stands in the record.
    answerRpc(turn.res, 200, unknownTool(message.id, message.params['name'] ?? null))
    return
  }
  const asks = await missingFor(passing, message, decided.call, inside)
  if (asks !== undefined) answerRpc(turn.res, 200, asks)
  else forwardCall({ ...passing, message, call: decided.call }, turn.res, inside)
}

/** What to answer where the person has yet to connect something that the tool uses: nothing is begun without it. */
async function missingFor(
  { access, fronted, era, head }: PassingCall,
  message: Request,
  call: ToolCall,
  inside: Inside,
): Promise<string | undefined> {
  const missing = await inside.missing(access, fronted.server, call.uses)
  if (missing.length === 0) return undefined
  const links =
    era === 'modern'
      ? showsLinks(capabilitiesOf(message))
      : head.session !== undefined && inside.sessions.showsLinks(head.session, fronted.server.name)
  const asking = { message, access, era, links, missing, url: inside.url }
  return askToConnect(asking, inside.states, inside.newRequestId)
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
