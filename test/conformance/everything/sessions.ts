/** Clients before 2026-07-28: a session of their own, opened by `initialize`, with streams that can be taken up again. */
import { randomUUID } from 'node:crypto'
import { type Server, SessionTransport, type StoredEvents } from './sdk.ts'

/** What was sent in one session, so that a client that comes back gets what it missed on that stream. */
function remember(): StoredEvents {
  const events: { readonly id: string; readonly stream: string; readonly message: unknown }[] = []
  return {
    storeEvent: async (stream, message) => {
      const id = randomUUID()
      events.push({ id, stream, message })
      return id
    },
    replayEventsAfter: async (last, { send }) => {
      const at = events.findIndex(({ id }) => id === last)
      const stream = events[at]?.stream ?? ''
      const missed = at < 0 ? [] : events.slice(at + 1).filter((event) => event.stream === stream)
      for (const { id, message } of missed) await send(id, message)
      return stream
    },
  }
}

const refusal = (status: number, message: string) =>
  Response.json({ jsonrpc: '2.0', error: { code: -32001, message }, id: null }, { status })

export function serveSessions(create: () => Server): (request: Request) => Promise<Response> {
  const sessions = new Map<string, InstanceType<typeof SessionTransport>>()
  return async (request) => {
    const named = request.headers.get('mcp-session-id')
    if (named !== null) {
      const session = sessions.get(named)
      return session === undefined ? refusal(404, 'Session not found') : session.handleRequest(request)
    }
    // Whatever is no `initialize` is refused by a transport that has no session yet.
    const session = new SessionTransport({
      sessionIdGenerator: randomUUID,
      eventStore: remember(),
      retryInterval: 500,
      onsessioninitialized: (id: string) => void sessions.set(id, session),
      onsessionclosed: (id: string) => void sessions.delete(id),
    })
    await create().connect(session)
    return session.handleRequest(request)
  }
}
