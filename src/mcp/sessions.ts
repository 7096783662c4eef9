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

/** The oldest make way where there are more. */
export function createMcpSessions(capacity = 10_000): McpSessions {
  const owners = new Map<string, { readonly owner: string; readonly links: boolean }>()
  const keyOf = (id: string, server: string) => `${server} ${id}`
  return {
    begin(id, server, access, links) {
      const key = keyOf(id, server)
      owners.delete(key)
      owners.set(key, { owner: ownerOf(access), links })
      if (owners.size <= capacity) return
      const [oldest] = owners.keys()
      if (oldest !== undefined) owners.delete(oldest)
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
