/**
 * One call ends access: the ordered log of cuts, holds, releases and switches, the view of it that the last
 * synchronous step asks, the registry of live work, and the procedure from a durable entry to a signed receipt.
 * The algorithm is the revocation protocol with the members {self}; a hub adds members, not another path.
 *
 * What never leaves: a refresh token that waits for its provider is sealed in the secret store, readable by the
 * keeper only. A cut is durable before it acts, and what a crash left undone is done after the next start.
 * RFC 7009 (at providers), RFC 7515 (receipts).
 */
export { createHorizon, type Horizon } from './horizon.ts'
export { createLiveRegistry } from './live.ts'
export { createReplica, type Replica } from './replica.ts'
export { mountAdmin } from './routes.ts'
export { createRevocations, type Revocations } from './revocations.ts'
export type { RevocationOrder } from './revoke.ts'
export { createLogView } from './view.ts'
