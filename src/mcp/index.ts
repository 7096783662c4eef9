/**
 * The gateway: MCP clients on one side, MCP servers on the other, and a decision on every message between them.
 *
 * `handle.ts` is the life of one request: receive, route, identify, parse, decide, mint, forward. Streamable HTTP of both
 * eras on one endpoint: 2025-06-18 and 2025-11-25 with sessions and streams, 2026-07-28 stateless. Decided is on the
 * parsed body; a message that two readers could read in two ways is refused.
 *
 * What never leaves: the client's token. The server gets a call token, which is good at this process's egress only, while
 * the call is open, for what the tool uses. A replica may assume nothing of another's calls and MCP sessions.
 * RFC 9728 (resource metadata), RFC 6750 §3 (challenges), JSON-RPC 2.0.
 */
export { createDigest } from './digest.ts'
export { createGateway, type Gateway } from './gateway.ts'
export type { GatewayDeps } from './inside.ts'
export { type Definitions, openDefinitions } from './tools/definitions.ts'
export { type ClientHeader, listTools } from './client/list.ts'
export { propose, withoutAddress } from './propose/propose.ts'
export { createProposals } from './tools/proposals.ts'
export { mountCatalog } from './catalog/routes.ts'
export { mountTools } from './tools/routes.ts'
