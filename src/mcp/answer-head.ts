import { SallyportError } from '../model/index.ts'
import { showsLinks } from './ask.ts'
import { type AnswerView, asItComes, atMost, eventView, messageView } from './answer-view.ts'
import type { Passing } from './passing.ts'
import type { Inside } from './inside.ts'
import { withOwnTasks } from './tasks.ts'
import { isCallable } from './tool-call.ts'
import { withVisibleTools } from './tool-list.ts'

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

type Noted = Passing & {
  readonly note: ((message: unknown) => void) | undefined
  readonly instead: ((message: unknown) => object | undefined) | undefined
}

/** How an answer goes on. @throws server_refused, server_failed, call_result_too_large */
export function judgeHead(
  status: number,
  head: readonly string[],
  passing: Noted,
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
  if (Number(told.get('content-length') ?? 0) > mostOf(passing, inside))
    throw new SallyportError('call_result_too_large')
  const kind = kindOf(status, told.get('content-type') ?? '', passing)
  // What cannot be read cannot be shown in part; nobody asked for a coding.
  if (kind !== 'other' && told.has('content-encoding')) throw new SallyportError('server_failed')
  if (kind !== 'other') told.delete('content-length')
  told.set('sallyport-request-id', passing.requestId)
  const view = viewOf(kind, passing, inside)
  return {
    head: [...told].flat(),
    view: atMost(mostOf(passing, inside), view),
    streams: kind === 'events',
  }
}

/** How long an answer may be, whatever it consists of; streams that belong to no call have no end. */
const mostOf = ({ call }: Passing, { resultBytes }: Inside): number =>
  call === undefined ? Number.POSITIVE_INFINITY : resultBytes

type Kind = 'events' | 'message' | 'other'

/**
 * What a client takes the answer for. There are clients that look only whether the type has `event-stream` in it somewhere,
 * and take whatever a GET brings for a stream: so what is passed on says plainly what it is.
 */
function kindOf(status: number, type: string, { method, message }: Passing): Kind {
  const fine = status < 300 && status !== 202 && status !== 204
  if (/^text\/event-stream[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i.test(type)) return 'events'
  if (/event-stream/i.test(type)) throw new SallyportError('server_failed')
  if (/json/i.test(type) && !(fine && method === 'GET')) return 'message'
  const awaited = method === 'GET' || message?.kind === 'request'
  if (fine && awaited) throw new SallyportError('server_failed')
  return 'other'
}

function viewOf(kind: Kind, passing: Noted, inside: Inside): AnswerView {
  const { era, access, note, instead, fronted } = passing
  if (kind === 'other') return asItComes
  const list = {
    see: (tools: readonly unknown[]) => inside.definitions.see(fronted.server, tools),
    visible: (tool: string) => isCallable(tool, access, inside),
  }
  const own = (id: string) => inside.tasks.find(id, fronted.server.name, access) !== undefined
  const terms = {
    maxBytes: inside.messageBytes,
    // Each of the words stands in all that is judged, if not with escapes.
    mayConcern: (bytes: Buffer) =>
      instead !== undefined || bytes.includes('ools') || bytes.includes('ask') || bytes.includes('\\u'),
    judge: (message: unknown) => {
      note?.(message)
      return instead?.(message) ?? withVisibleTools(message, era, list) ?? withOwnTasks(message, own)
    },
  }
  return kind === 'events' ? eventView(terms) : messageView(terms)
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
