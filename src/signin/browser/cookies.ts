/** How cookies are set: where `url` is https they are the host's alone (RFC 6265bis §4.1.3.2). */
export interface CookieTerms {
  readonly secure: boolean
}

/** Sent along when a person comes from elsewhere by a link, which an IdP's redirect is, and with no form of another site. */
const attributes = 'Path=/; HttpOnly; SameSite=Lax'

export function cookieName(name: string, { secure }: CookieTerms): string {
  return secure ? `__Host-${name}` : name
}

/** A `Set-Cookie` value. `maxAge` in seconds; 0 takes the cookie away. */
export function setCookie(
  name: string,
  value: string,
  terms: CookieTerms & { readonly maxAge: number },
): string {
  const secure = terms.secure ? '; Secure' : ''
  return `${name}=${value}; ${attributes}; Max-Age=${terms.maxAge}${secure}`
}

/** The cookies of a request. Of two with one name neither counts: one of them was put in by somebody else. */
export function readCookies(header: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const twice = new Set<string>()
  for (const part of header?.split(';') ?? []) {
    const at = part.indexOf('=')
    if (at < 0) continue
    const name = part.slice(0, at).trim()
    if (found.has(name)) twice.add(name)
    found.set(name, part.slice(at + 1).trim())
  }
  for (const name of twice) found.delete(name)
  return found
}
