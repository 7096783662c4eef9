/** What a resource asks for in `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1). */
export interface Challenge {
  readonly error?: string
  readonly scopes?: readonly string[]
  /** The URL of its metadata. */
  readonly metadata?: string
  /** What has to be satisfied first, base64 of JSON (Entra, with `insufficient_claims`). */
  readonly claims?: string
}

/** A scheme, or a parameter of the scheme before it (RFC 9110 §11.6.1); what is neither is passed over. */
const part = /[\s,=]*([!#$%&'*+.^`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^`|~\w:/?-]+)))?/gy

/** As many as one can read on a page before agreeing. */
const most = 50

/** Undefined for none, and for what are no scopes (RFC 6749 §3.3). */
function scopesIn(value: string | undefined): readonly string[] | undefined {
  const scopes = [...new Set(value?.split(' '))].filter((scope) => scope !== '')
  const plain = scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(scope))
  return scopes.length > 0 && scopes.length <= most && plain ? scopes : undefined
}

/** The parameters of the first bearer challenge, each as it was said first. */
function bearerParameters(header: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  let scheme = ''
  for (const [, word = '', quoted, token] of header.matchAll(part)) {
    const value = quoted?.replaceAll(/\\(.)/g, '$1') ?? token
    const name = word.toLowerCase()
    if (value === undefined) {
      if (parameters.size > 0) break
      scheme = name
    } else if (scheme === 'bearer' && !parameters.has(name)) parameters.set(name, value)
  }
  return parameters
}

export function readChallenge(header: string): Challenge {
  const parameters = bearerParameters(header)
  const [error, metadata] = [parameters.get('error'), parameters.get('resource_metadata')]
  const claims = parameters.get('claims')
  const scopes = scopesIn(parameters.get('scope'))
  return {
    ...(error === undefined ? {} : { error }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(claims === undefined ? {} : { claims }),
  }
}
