import { SallyportError } from '../model/index.ts'
import { showsLinks } from './ask.ts'
import { type AnswerView, asItComes, eventView, notedView, wholeView } from './answer-view.ts'
import type { Passing } from './passing.ts'
import type { Inside } from './inside.ts'
import { withOwnTasks } from './tasks.ts'
import { factsOf } from './tool-call.ts'
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
  const streams = /^text\/event-stream(?:$|[ ;])/i.test(told.get('content-type') ?? '')
  const kind = streams ? 'events' : kindOf(passing)
  // What cannot be read cannot be shown in part.
  if (kind !== 'bytes' && told.has('content-encoding')) throw new SallyportError('server_failed')
  if (kind === 'events' || kind === 'list') told.delete('content-length')
  told.set('sallyport-request-id', passing.requestId)
  return { head: [...told].flat(), view: viewOf(kind, passing, inside), streams }
}

type Kind = 'events' | 'list' | 'noted' | 'bytes'

const lists = new Set(['tools/list', 'tasks/list'])

function kindOf({ message, note }: Noted): Kind {
  if (message?.kind === 'request' && lists.has(message.method)) return 'list'
  return note === undefined ? 'bytes' : 'noted'
}

function viewOf(kind: Kind, passing: Noted, inside: Inside): AnswerView {
  const { era, access, note, fronted } = passing
  if (kind === 'bytes') return asItComes
  if (kind === 'noted') return notedView((message) => note?.(message))
  const visible = (tool: string) => inside.policy.call(factsOf(access, tool)).effect === 'allow'
  const own = (id: string) => inside.tasks.find(id, fronted.server.name, access) !== undefined
  const terms = {
    maxBytes: inside.messageBytes,
    // Each of the words stands in all that is judged; a server that hides them hides its list from clients too.
    mayConcern: (bytes: Buffer) => bytes.includes('ools') || bytes.includes('ask') || bytes.includes('\\u'),
    judge: (message: unknown) => {
      note?.(message)
      return withVisibleTools(message, era, visible) ?? withOwnTasks(message, own)
    },
  }
  return kind === 'events' ? eventView(terms) : wholeView(terms)
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
