/**
 * The pages on which people link accounts of their own, put in keys of their own, see what is linked and end it. Who
 * the person is says the sign-in room, by functions; the work at providers is the exchange room's.
 *
 * What never leaves: a key that a person puts in (the secret store alone), what is remembered of a flow under way other
 * than sealed, and another person's accounts. A link that a tool call shows says, sealed, who was asked: whoever opens
 * it has to be that person. Nothing is begun at a provider before the person has agreed on a page of ours, for this
 * client at this server.
 *
 * RFC 6749 §4.1 and §10.12, RFC 7636, RFC 9207, RFC 9700 §4.7; MCP, "confused deputy".
 */
export { createAsks } from './asks.ts'
export type { AccountsDeps, People } from './deps.ts'
export { accountsPaths, mountAccounts } from './mount.ts'
