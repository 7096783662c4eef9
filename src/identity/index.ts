/**
 * Credentials that point at us. This room says who stands behind a token that a caller shows: foreign subject
 * tokens of users and workloads (RFC 9068, RFC 7519 and RFC 8725, keys by RFC 8414 and OIDC discovery), and our own
 * session tokens, which it makes (RFC 8693), signs, publishes keys for, introspects (RFC 7662) and revokes
 * (RFC 7009). It also knows the callers of the token face: capability files and client secrets.
 *
 * Never leaves it: a signing key's private half, a capability's text after its file is written. A subject token goes
 * to the exchange through the function `hand`, and nowhere else. Whether a principal may have a session is the
 * policy's to say and whether it still may is the log's; both are functions handed in.
 *
 * A session token stands on this process alone: its key and its session are in memory, and a restart ends it. The
 * name of the session (`sid`) is the same after a restart, so that a cut session stays cut.
 */
export { type Proof, proofOf, writeCapability } from './capability.ts'
export { type DevIssuer, openDevIssuer } from './dev-issuer.ts'
export { type Form, parseForm } from './form.ts'
export type { Identity, VerifiedSubject, VerifyOwn } from './identity.ts'
export { type LoginClaims, readPerson } from './login-claims.ts'
export { isName, isScopeToken } from './claims.ts'
export { claimedClient, type Once, verifyClientAssertion } from './assertion.ts'
export { basicCredentials, singleHeader } from './client-auth.ts'
export { type Claims, isObject, parseCompact } from './compact.ts'
export { actClaim, readActor } from './delegation.ts'
export { type FormRequest, mountFormFace, postForm, publish } from './form-face.ts'
export { type IssuerKeys, keysAt, localKeys } from './issuer-keys.ts'
export { type SigningAlgorithm, type TokenKey, tokenKey } from './signing.ts'
export { type OpenIdentity, openIdentity } from './open.ts'
export { mountTokenFace } from './routes.ts'
export { accessTokenType, exchangeGrant, jwtType } from './token-endpoint.ts'
export { asymmetricAlgorithms, defaultAlgorithms } from './issuers.ts'
export { wellKnown } from './metadata-fetch.ts'
