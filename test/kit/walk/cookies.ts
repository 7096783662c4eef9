/** A browser's cookies (RFC 6265bis), as Chromium keeps them: by host and not by port. */

interface Cookie {
  readonly name: string
  readonly value: string
  readonly host: string
  readonly path: string
  readonly secure: boolean
  readonly sameSite: 'strict' | 'lax' | 'none'
}

/** How a request came about: what SameSite asks. */
export interface Occasion {
  /** The page that it comes from is of another site, or there is none and the address was handed over. */
  readonly crossSite: boolean
  readonly method: 'GET' | 'POST'
}

export interface Jar {
  /** The `Cookie` header, or `undefined`. */
  header(url: URL, occasion: Occasion): string | undefined
  keep(url: URL, lines: readonly string[]): void
  /** By name, for a look at what is kept and for taking it elsewhere. */
  readonly all: readonly Cookie[]
}

/** Chromium counts loopback as secure for `Secure`, but not for the name prefixes. */
const isLoopback = ({ hostname }: URL) => /^(?:127(?:\.\d+){3}|localhost|\[::1\])$/.test(hostname)

function parse(url: URL, line: string): { readonly cookie: Cookie; readonly ended: boolean } {
  const [pair = '', ...rest] = line.split(';').map((part) => part.trim())
  const at = pair.indexOf('=')
  const has = new Map(
    rest.map((part) => {
      const [name = '', ...value] = part.split('=')
      return [name.toLowerCase(), value.join('=')]
    }),
  )
  if (has.has('domain')) throw new Error(`${url.href} sets a cookie for a whole domain: ${line}`)
  const given = has.get('path') ?? ''
  const folder = url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/'
  const sameSite = (has.get('samesite') ?? 'lax').toLowerCase()
  const age = has.get('max-age')
  const until = age === undefined ? Date.parse(has.get('expires') ?? '') : Date.now() + Number(age) * 1000
  const cookie = {
    name: pair.slice(0, at),
    value: pair.slice(at + 1),
    host: url.hostname,
    path: given.startsWith('/') ? given : folder,
    secure: has.has('secure'),
    sameSite: sameSite === 'strict' || sameSite === 'none' ? sameSite : 'lax',
  } as const
  return { cookie, ended: until <= Date.now() }
}

/** Why a browser would not keep it. */
function fault(url: URL, { name, secure, path, sameSite }: Cookie): string | undefined {
  const https = url.protocol === 'https:'
  if (secure && !https && !isLoopback(url)) return 'Secure over clear HTTP'
  if (sameSite === 'none' && !secure) return 'SameSite=None without Secure'
  if (!/^__(?:Host|Secure)-/.test(name)) return undefined
  if (!secure || !https) return 'a prefix that asks for https and Secure'
  return name.startsWith('__Host-') && path !== '/' ? 'the prefix __Host- with a path' : undefined
}

const covers = (path: string, asked: string) =>
  path === asked || asked.startsWith(path.endsWith('/') ? path : `${path}/`)

function mayGo(cookie: Cookie, url: URL, { crossSite, method }: Occasion): boolean {
  const { host, path, secure, sameSite } = cookie
  if (host !== url.hostname || !covers(path, url.pathname)) return false
  if (secure && url.protocol !== 'https:' && !isLoopback(url)) return false
  return !crossSite || sameSite === 'none' || (sameSite === 'lax' && method === 'GET')
}

export function createJar(): Jar {
  let kept: Cookie[] = []
  return {
    get all() {
      return kept
    },
    header(url, occasion) {
      const go = kept.filter((cookie) => mayGo(cookie, url, occasion))
      const text = go
        .toSorted((a, b) => b.path.length - a.path.length)
        .map(({ name, value }) => `${name}=${value}`)
      return text.length === 0 ? undefined : text.join('; ')
    },
    keep(url, lines) {
      for (const line of lines) {
        const { cookie, ended } = parse(url, line)
        const why = fault(url, cookie)
        if (why !== undefined)
          throw new Error(`${url.href} sets a cookie that no browser keeps: ${why}: ${line}`)
        const { name, host, path } = cookie
        kept = kept.filter((it) => it.name !== name || it.host !== host || it.path !== path)
        if (!ended) kept.push(cookie)
      }
    },
  }
}
