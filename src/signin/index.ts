/**
 * The authorization server of MCP clients (design §3): who they are, who the person in front of them is, what that
 * person agrees to, and the tokens that come of it. The login itself is the IdP's, asked by one confidential client of ours.
 *
 * What never leaves: the IdP's tokens (the exchange room keeps them), a visitor's cookie, what a client says of itself
 * as anything but that. No page of another origin may post to ours, and nobody is sent anywhere before where to is
 * known to be that client's.
 *
 * RFC 6749, RFC 7591, RFC 7636 (S256 only), RFC 8252 §7.3, RFC 8414, RFC 8707, RFC 9207, RFC 9700, OpenID Connect Core,
 * draft-ietf-oauth-client-id-metadata-document.
 */
export { createSignIn } from './create-sign-in.ts'
export { type AccessTokens, openAccessTokens } from './token/access-tokens.ts'
export { createTokens } from './token/create-tokens.ts'
export { anyOriginMayAsk, signInPaths } from './paths.ts'
export type { SignInDoor } from './slice.ts'
