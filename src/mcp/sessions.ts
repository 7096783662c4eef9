import { type Access, SallyportError } from '../model/index.ts'

/**
 * Who began an MCP session of a legacy client. Its id names it and proves nothing: only the same principal with the same
 * client may go on with it, and for everybody else there is none (GW-9).
 */
export interface McpSessions {
  begin(id: string, server: string, access: Access): void
  /** @throws protocol_session_unknown */
  check(id: string, server: string, access: Access): void
  end(id: string, server: string): void
}

/** The oldest make way where there are more. */
export function createMcpSessions(capacity = 10_000): McpSessions {
  const owners = new Map<string, string>()
  const keyOf = (id: string, server: string) => `${server} ${id}`
  return {
    begin(id, server, access) {
      const key = keyOf(id, server)
      owners.delete(key)
      owners.set(key, ownerOf(access))
      if (owners.size <= capacity) return
      const [oldest] = owners.keys()
      if (oldest !== undefined) owners.delete(oldest)
    },
    check(id, server, access) {
      if (owners.get(keyOf(id, server)) !== ownerOf(access))
        throw new SallyportError('protocol_session_unknown')
    },
    end(id, server) {
      owners.delete(keyOf(id, server))
    },
  }
}

function ownerOf({ session: { principal, client } }: Access): string {
  const { kind, tenant, issuer, subject } = principal
  return JSON.stringify([kind, tenant, issuer, subject, client])
}
