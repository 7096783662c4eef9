import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { PendingLink } from '../exchange/index.ts'
import { principalKey, SallyportError, type Visitor } from '../model/index.ts'
import { agree, done, type Flow, hashOf } from './connect.ts'
import type { Inside } from './deps.ts'
import { send } from './send.ts'

/** The flow that a state belongs to: taken, so that it is good once, whatever else is wrong. @throws connect_state_invalid */
async function takeFlow(state: string | undefined, request: FastifyRequest, inside: Inside): Promise<Flow> {
  const invalid = (): SallyportError => new SallyportError('connect_state_invalid')
  if (state === undefined || !/^[\w-]{43}$/.test(state)) throw invalid()
  const ticket = await inside.tickets.take('connect', hashOf(state), inside.clock.now())
  const opened = ticket === undefined ? undefined : inside.seal.open(JSON.parse(ticket.value) as string)
  if (opened === undefined) throw invalid()
  const flow = JSON.parse(opened) as Flow
  if (inside.people.binding(request) !== flow.browser) throw invalid()
  return flow
}

function checkVisitor(visitor: Visitor | undefined, flow: Flow): Visitor {
  if (visitor === undefined) throw new SallyportError('connect_state_invalid')
  if (principalKey(visitor.principal) !== flow.principal) throw new SallyportError('connect_other_person')
  return visitor
}

/** Where providers send people back to: everything is kept before the page answers. */
export function mountCallback(app: FastifyInstance, inside: Inside): void {
  app.get('/connect/callback', async (request, reply) => {
    const parameters = new URL(request.url, inside.url).searchParams
    const states = parameters.getAll('state')
    const flow = await takeFlow(states.length === 1 ? states[0] : undefined, request, inside)
    const visitor = checkVisitor(inside.people.visitor(request), flow)
    const server = inside.servers.find(({ name }) => name === flow.server)
    const downstream = inside.downstream(flow.downstream)
    if (server === undefined || downstream === undefined) throw new SallyportError('not_found')
    const { principal } = visitor
    const connection = await inside.exchange.linking.finish({
      server,
      downstream,
      principal,
      rev: inside.applied(),
      pending: flow.pending as PendingLink,
      parameters,
    })
    const { client } = flow
    const ask =
      client === undefined
        ? {}
        : {
            ask: {
              principal,
              client: client.name,
              registration: client.registration,
              server: server.name,
              downstream: downstream.name,
            },
          }
    await agree({ visitor, server, ...ask }, connection, inside)
    return send(reply, await done({ downstream, ...ask }, connection, inside))
  })
}
