import { SallyportError } from '../model/index.ts'
import { showsLinks } from './ask.ts'
import { type AnswerView, asItComes, eventView, messageView } from './answer-view.ts'
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

type Noted = Passing & { readonly note: ((message: unknown) => void) | undefined }

/** How an answer goes on. @throws server_refused, server_failed */
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
  const kind = kindOf(status, told.get('content-type') ?? '', passing)
  // What cannot be read cannot be shown in part; nobody asked for a coding.
  if (kind !== 'other' && told.has('content-encoding')) throw new SallyportError('server_failed')
  if (kind !== 'other') told.delete('content-length')
  told.set('sallyport-request-id', passing.requestId)
  return { head: [...told].flat(), view: viewOf(kind, passing, inside), streams: kind === 'events' }
}

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
  const { era, access, note, fronted } = passing
  if (kind === 'other') return asItComes
  const visible = (tool: string) => isCallable(tool, access, inside)
  const own = (id: string) => inside.tasks.find(id, fronted.server.name, access) !== undefined
  const terms = {
    maxBytes: inside.messageBytes,
    // Each of the words stands in all that is judged, if not with escapes.
    mayConcern: (bytes: Buffer) => bytes.includes('ools') || bytes.includes('ask') || bytes.includes('\\u'),
    judge: (message: unknown) => {
      note?.(message)
      return withVisibleTools(message, era, visible) ?? withOwnTasks(message, own)
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
