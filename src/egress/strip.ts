/**
 * Which headers pass, in either direction. Downstream APIs have headers of their own that no list can know, so what
 * is dangerous is taken out and the rest passes. Names are compared in lower case with `_` read as `-`, since many
 * servers (CGI, WSGI) cannot tell those two apart.
 */

/** Belong to one connection and are never forwarded (RFC 9110 §7.6.1), and what we write ourselves. */
const hop = [
  'connection',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Would be a credential, an identity or another request than the one decided on. */
const fromCaller = new Set([
  ...hop,
  'api-key',
  'apikey',
  'authorization',
  'cf-connecting-ip',
  // Of the body that is sent, and written by the sender.
  'content-length',
  'cookie',
  'cookie2',
  'dpop',
  'forwarded',
  'remote-user',
  'sallyport-capability',
  'true-client-ip',
  'x-access-token',
  'x-amz-security-token',
  'x-api-key',
  'x-auth-token',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-host',
  'x-original-host',
  'x-original-url',
  'x-real-ip',
  'x-remote-user',
  'x-rewrite-url',
])

/** Would set state in, or say something about, a client that is none of the downstream's. */
const fromDownstream = new Set([
  ...hop,
  'alt-svc',
  'authentication-control',
  'authentication-info',
  'clear-site-data',
  'public-key-pins',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
  'www-authenticate',
])

/** A header name as it is compared: lower case, `_` as `-`. */
export function comparableName(name: string): string {
  const lower = name.toLowerCase()
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower
}

/** Asks for another method than the one decided on: `X-HTTP-Method-Override` and its kin. */
const override =
  /(?:^|-)(?:(?:http|original|rest|tunnel(?:ed)?)-(?:method|verb)|(?:method|verb)-override|http-override)(?:-|$)/

/** Whether a header of the caller may go to the downstream; `name` is comparable. */
export function mayLeave(name: string): boolean {
  if (fromCaller.has(name) || name.startsWith('x-forwarded-') || name.startsWith('sallyport-')) return false
  return !/method|verb|override/.test(name) || !override.test(name)
}

/** Whether a header of the downstream may go to the caller; `name` is comparable. */
export function mayReturn(name: string): boolean {
  return !fromDownstream.has(name) && !name.startsWith('access-control-') && !name.startsWith('sallyport-')
}

/** The header names that a `Connection` header declares to be of this connection only, comparable. */
export function connectionNames(value: string): readonly string[] {
  return value.split(',').map((option) => comparableName(option.trim()))
}
