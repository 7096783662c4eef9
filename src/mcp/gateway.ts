import type { IncomingMessage, ServerResponse } from 'node:http'
import { type OpenCalls, SallyportError, type Server } from '../model/index.ts'
import { createCalls } from './calls.ts'
import { handle } from './handle.ts'
import type { Fronted, GatewayDeps, GatewaySlice, Inside } from './inside.ts'
import { metadataPaths, metadataUrl } from './metadata.ts'
import { createPlaces } from './places.ts'
import { refuse } from './refusal.ts'
import { createRequestStates } from './request-state.ts'
import { createMcpSessions } from './sessions.ts'
import { createTasks } from './tasks.ts'

export interface Gateway {
  /** `ANY /mcp` or `/{server}/mcp`, their metadata and catalogues; whatever else comes is answered 404. Never throws. */
  handle(req: IncomingMessage, res: ServerResponse): void
  /** For the egress, which holds requests to them. */
  readonly calls: OpenCalls
  close(): void
}

export function createGateway(slice: GatewaySlice, deps: GatewayDeps): Gateway {
  const endpoints = new Map<string, Fronted>()
  const documents = new Map<string, Server>()
  const catalogs = new Map<string, Fronted>()
  const alone = slice.servers.length === 1
  for (const server of slice.servers) {
    if (server.url === undefined && server.stdio === undefined) continue
    const endpoint = alone ? '/mcp' : `/${server.name}/mcp`
    const fronted = { server, at: placeOf(server), metadata: metadataUrl(server) }
    endpoints.set(endpoint, fronted)
    catalogs.set(alone ? '/catalog' : `/${server.name}/catalog`, fronted)
    for (const path of metadataPaths(endpoint, alone)) documents.set(path, server)
  }
  const calls = createCalls(deps.endCall)
  const inside: Inside = {
    ...slice,
    ...deps,
    calls,
    endpoints,
    documents,
    catalogs,
    places: createPlaces(slice.streams),
    sessions: createMcpSessions(),
    tasks: createTasks(),
    states: createRequestStates({ ...deps, newId: deps.newRequestId }),
  }
  let closing = false
  return {
    calls,
    handle: (req, res) => {
      if (!closing) void handle(req, res, inside)
      else
        refuse(res, new SallyportError('shutting_down'), {
          id: undefined,
          requestId: deps.newRequestId(),
          metadata: undefined,
        })
    },
    close: () => {
      closing = true
    },
  }
}

function placeOf({ url }: Server): Fronted['at'] {
  if (url === undefined) return undefined
  const { origin, pathname } = new URL(url)
  return { origin, path: pathname }
}
