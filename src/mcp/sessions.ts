import { type Access, SallyportError } from '../model/index.ts'

/**
 * Who began an MCP session of a legacy client. Its id names it and proves nothing: only the same principal with the same
 * client may go on with it, and for everybody else there is none (GW-9).
 */
export interface McpSessions {
  /** `links`: whether the client said that it can show a person a link. */
  begin(id: string, server: string, access: Access, links: boolean): void
  showsLinks(id: string, server: string): boolean
  /** @throws protocol_session_unknown */
  check(id: string, server: string, access: Access): void
  end(id: string, server: string): void
}

/** How many are remembered, and how many of one principal with one client. */
const room = { all: 10_000, own: 1_000 } as const

/**
 * What makes way for what was put in last, if anything must: the oldest of the same owner, who would otherwise push out
 * everybody else by beginning many; the oldest of all where many owners do.
 */
export function makesWay(
  known: ReadonlyMap<string, { readonly owner: string }>,
  owner: string,
  { all, own }: { readonly all: number; readonly own: number } = room,
): string | undefined {
  const [oldest] = known.keys()
  const owned: string[] = []
  for (const [key, it] of known) if (it.owner === owner) owned.push(key)
  if (owned.length > own) return owned[0]
  return known.size > all ? oldest : undefined
}

export function createMcpSessions(most: { readonly all: number; readonly own: number } = room): McpSessions {
  const owners = new Map<string, { readonly owner: string; readonly links: boolean }>()
  const keyOf = (id: string, server: string) => `${server} ${id}`
  return {
    begin(id, server, access, links) {
      const key = keyOf(id, server)
      const owner = ownerOf(access)
      owners.delete(key)
      owners.set(key, { owner, links })
      const leaving = makesWay(owners, owner, most)
      if (leaving !== undefined) owners.delete(leaving)
    },
    showsLinks: (id, server) => owners.get(keyOf(id, server))?.links ?? false,
    check(id, server, access) {
      if (owners.get(keyOf(id, server))?.owner !== ownerOf(access))
        throw new SallyportError('protocol_session_unknown')
    },
    end(id, server) {
      owners.delete(keyOf(id, server))
    },
  }
}

/** Principal and client: what began something, and may go on with it. */
export function ownerOf({ session: { principal, client } }: Access): string {
  const { kind, tenant, issuer, subject } = principal
  return JSON.stringify([kind, tenant, issuer, subject, client])
}
