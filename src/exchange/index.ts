/**
 * Credentials that point away from us: obtained, refreshed, kept, refused, revoked at their provider. Every kind
 * (RFC 8693 token exchange, client credentials, static secrets, stored connections) goes through one `acquire`,
 * which owns cache key, single flight, host pin, expiry margin, error classes and record.
 *
 * What never leaves: subject tokens (memory only, sent to their own issuer's token endpoint alone), refresh tokens
 * (the secret store and the provider alone) and what a provider says in its errors. A credential leaves as `Secret`,
 * pinned to one origin. Nothing that began before a cut is used, cached or kept after it. A replica may not assume
 * that it is the only one to refresh a grant.
 *
 * RFC 6749 §4.4 and §6, RFC 7009, RFC 7523 §2.2, RFC 8414, RFC 8693, RFC 8707.
 */
export { boundedFetch } from './bounded-fetch.ts'
export { readChallenge } from './challenge.ts'
export { claimsWanted } from './claims-challenges.ts'
export { clientAuthentication } from './client-authentication.ts'
export type { PendingLink } from './connect/begin.ts'
export { clientDocument, clientDocumentPath, type Introduction } from './connect/introduction.ts'
export { missingScopes } from './connect/step-up.ts'
export { consentId } from './consents.ts'
export { createExchange } from './create-exchange.ts'
export { loginGroup } from './login/place.ts'
export type { Exchange } from './exchange.ts'
export type { Need } from './need.ts'
export { originsOf } from './origins.ts'
export { catalogue as providers } from './providers/catalogue.ts'
export { revocableOf } from './revocable.ts'
export { type Canary, createProviderProbe, type Heard, type ProviderProbe } from './probe.ts'
