/**
 * `sallyport/fetch`: for authors of MCP servers. Real URLs in code; the calls go through the egress, which puts the
 * credential in. This file imports nothing, so that it can be used without the rest.
 *
 * The token goes to the egress and to no other origin: only URLs that this file has built from the egress's own
 * address carry it, and redirects come back as they are.
 */

type Fetch = typeof globalThis.fetch
type Input = Parameters<Fetch>[0]
type Init = NonNullable<Parameters<Fetch>[1]>

export interface SallyportOptions {
  /** Where the egress listens, such as `http://127.0.0.1:9180`. */
  readonly egress: string
  /** What stands in the server's capability file, or how to read it: it is a new one after each start of sallyport. */
  readonly capability?: string | (() => string | Promise<string>)
  /** The server is configured with `accept: subject-token`: the token it received is shown as it is. */
  readonly accept?: 'subject-token'
  /** Downstreams, by name, that a session token is asked for; all that are allowed where this is absent. */
  readonly audience?: readonly string[]
  /** Let URLs that are no downstream's pass, without any token. Otherwise they throw. */
  readonly passthrough?: boolean
  /** Used for every call, in place of the global `fetch`. */
  readonly fetch?: Fetch
}

export interface Sallyport {
  /** `fetch` for the person or workload whose token this is. Cheap: make one for each request of your server. */
  session(subjectToken: string): Fetch
}

/** What sallyport answered instead of a token or a list. `code` is stable; the message is a fixed sentence. */
export class SallyportFetchError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, sentence: string) {
    super(sentence)
    this.name = 'SallyportFetchError'
    this.code = code
    this.status = status
  }
}

interface Route {
  readonly name: string
  readonly origin: string
  readonly base: string
}

interface Held {
  readonly token: Promise<string>
  /** Milliseconds on the monotonic clock; infinite while it is being asked for. */
  until: number
}

/** How many sessions are kept at once; the one unused for longest goes. */
const maxSessions = 1000
/** How old a list of downstreams must be before an unknown URL makes us ask again. */
const listAgeMs = 30_000
/** After these a new session token helps: the old one has ended, or sallyport has been started anew. */
const renewable = new Set(['token_expired', 'token_signature_invalid'])

export function createSallyport(options: SallyportOptions): Sallyport {
  const egress = new URL(options.egress).href.replace(/\/$/, '')
  const call: Fetch = options.fetch ?? globalThis.fetch
  if (options.accept === undefined && options.capability === undefined) {
    throw new TypeError('createSallyport needs a capability, or accept: "subject-token"')
  }
  const tokens = createTokens(egress, call, options)
  const routes = createRoutes(egress, call)

  return {
    session: (subjectToken) => async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input)
      const target = isOurs(url, egress) ? url.href : await routes.find(url, () => tokens.get(subjectToken))
      if (target === undefined) {
        if (options.passthrough === true) return call(input, init)
        throw new SallyportFetchError(
          'downstream_unknown',
          404,
          `No downstream is configured at ${url.origin}.`,
        )
      }
      const send = async (token: Promise<string>) => call(target, withToken(input, init, await token))
      const token = tokens.get(subjectToken)
      const response = await send(token)
      if (response.status !== 401 || options.accept !== undefined || !isRepeatable(input, init))
        return response
      if (!renewable.has((await problem(response.clone())).code)) return response
      await response.body?.cancel()
      tokens.drop(subjectToken, token)
      return send(tokens.get(subjectToken))
    },
  }
}

/** A URL that already points at a downstream through the egress, as `Link` and `Location` do after its rewriting. */
function isOurs(url: URL, egress: string): boolean {
  return url.href.startsWith(`${egress}/downstream/`)
}

/** Asks for a session token (RFC 8693 §2.1) and says for how many milliseconds it is good. */
async function exchange(
  subjectToken: string,
  {
    egress,
    call,
    options,
  }: { readonly egress: string; readonly call: Fetch; readonly options: SallyportOptions },
): Promise<{ readonly token: string; readonly goodForMs: number }> {
  const capability =
    typeof options.capability === 'function' ? await options.capability() : (options.capability ?? '')
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  })
  for (const name of options.audience ?? []) form.append('audience', name)
  const response = await call(`${egress}/oauth2/token`, {
    method: 'POST',
    body: form,
    headers: { 'sallyport-capability': capability.trim() },
    redirect: 'manual',
  })
  if (!response.ok) throw await failure(response)
  const answer: unknown = await response.json()
  const token = text(answer, 'access_token')
  if (token === undefined)
    throw new SallyportFetchError('internal', response.status, 'The egress gave no token.')
  const lifetime = Number(text(answer, 'expires_in') ?? 0)
  return { token, goodForMs: (lifetime - Math.min(30, lifetime * 0.1)) * 1000 }
}

/** Session tokens by subject token: one exchange at a time for each, renewed shortly before they end. */
function createTokens(egress: string, call: Fetch, options: SallyportOptions) {
  const held = new Map<string, Held>()

  const begin = (subjectToken: string): Promise<string> => {
    const entry = { until: Number.POSITIVE_INFINITY }
    const token = exchange(subjectToken, { egress, call, options }).then((answer) => {
      entry.until = performance.now() + answer.goodForMs
      return answer.token
    })
    held.set(subjectToken, Object.assign(entry, { token }))
    token.catch(() => {
      drop(subjectToken, token)
    })
    const [oldest] = held.keys()
    if (held.size > maxSessions && oldest !== undefined) held.delete(oldest)
    return token
  }

  const drop = (subjectToken: string, token: Promise<string>): void => {
    if (held.get(subjectToken)?.token === token) held.delete(subjectToken)
  }

  return {
    drop,
    get: (subjectToken: string): Promise<string> => {
      if (options.accept !== undefined) return Promise.resolve(subjectToken)
      const known = held.get(subjectToken)
      held.delete(subjectToken)
      if (known === undefined || known.until <= performance.now()) return begin(subjectToken)
      // The end of the map is what was used last.
      held.set(subjectToken, known)
      return known.token
    },
  }
}

/** Which real URLs are downstreams: asked of the egress once, and again when one is not known. */
function createRoutes(egress: string, call: Fetch) {
  let known: readonly Route[] = []
  let askedAt = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | undefined

  const ask = async (token: string): Promise<void> => {
    const response = await call(`${egress}/downstreams`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: 'manual',
    })
    if (!response.ok) throw await failure(response)
    const answer: unknown = await response.json()
    known = routesOf(answer)
    askedAt = performance.now()
  }

  return {
    find: async (url: URL, token: () => Promise<string>): Promise<string | undefined> => {
      const found = best(known, url)
      if (found !== undefined) return place(found, url)
      if (performance.now() - askedAt < listAgeMs) return undefined
      asking ??= token()
        .then(ask)
        .finally(() => {
          asking = undefined
        })
      await asking
      const now = best(known, url)
      return now === undefined ? undefined : place(now, url)
    },
  }

  function place({ name, base }: Route, url: URL): string {
    return `${egress}/downstream/${encodeURIComponent(name)}${url.pathname.slice(base.length)}${url.search}`
  }
}

/** The downstream whose base path is the longest that the URL lies under. */
function best(routes: readonly Route[], url: URL): Route | undefined {
  let found: Route | undefined
  for (const route of routes) {
    const under =
      url.origin === route.origin &&
      (url.pathname === route.base || url.pathname.startsWith(`${route.base}/`))
    if (under && (found === undefined || route.base.length > found.base.length)) found = route
  }
  return found
}

function routesOf(answer: unknown): Route[] {
  const list = field(answer, 'downstreams')
  return (Array.isArray(list) ? list : []).flatMap((entry: unknown) => {
    const name = text(entry, 'name')
    const address = text(entry, 'url')
    if (name === undefined || address === undefined || !URL.canParse(address)) return []
    const url = new URL(address)
    return [{ name, origin: url.origin, base: url.pathname.replace(/\/$/, '') }]
  })
}

/** The caller's request with the token in place of whatever it had for authorization, and no redirect followed. */
function withToken(input: Input, init: Init | undefined, token: string): Init {
  const own = input instanceof Request ? input : undefined
  const headers = new Headers(init?.headers ?? own?.headers)
  headers.set('authorization', `Bearer ${token}`)
  const from: Init = own === undefined ? {} : { method: own.method, body: own.body, signal: own.signal }
  const redirect = init?.redirect === 'error' ? 'error' : 'manual'
  return { ...from, ...init, headers, redirect, duplex: 'half' }
}

/** A body that can be read once cannot be sent twice. */
function isRepeatable(input: Input, init: Init | undefined): boolean {
  const body: unknown = init?.body ?? (input instanceof Request ? input.body : undefined)
  if (body === null || body === undefined || typeof body === 'string') return true
  return body instanceof Uint8Array || body instanceof ArrayBuffer || body instanceof URLSearchParams
}

async function failure(response: Response): Promise<SallyportFetchError> {
  const { code, sentence } = await problem(response)
  return new SallyportFetchError(code, response.status, sentence)
}

async function problem(response: Response): Promise<{ readonly code: string; readonly sentence: string }> {
  const answer: unknown = await response.json().catch(() => undefined)
  return {
    code: text(answer, 'code') ?? text(answer, 'error') ?? 'unknown',
    sentence: text(answer, 'title') ?? text(answer, 'error_description') ?? 'The egress refused.',
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined
}

function text(value: unknown, name: string): string | undefined {
  const found = field(value, name)
  if (typeof found === 'number') return String(found)
  return typeof found === 'string' && found !== '' ? found : undefined
}
