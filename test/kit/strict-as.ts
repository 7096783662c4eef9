/**
 * An authorization server that takes no excuse: each refresh token works once, using one again revokes all that came
 * of the same grant (RFC 9700 §4.14.2), and only the newest can be revoked. Over real HTTP, on loopback; it counts what
 * it was asked and can fail in the ways that matter: before or after it has rotated, with or without an answer.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { unsignedJwt } from './provider.ts'

export type Outcome =
  | 'rotated'
  | 'forgiven'
  | 'reused'
  | 'dead'
  | 'refused'
  | 'issued'
  | 'revoked'
  | 'unknown'

/** One request, in the order of their coming. */
export interface Asked {
  readonly endpoint: 'token' | 'revoke'
  readonly grant: string
  readonly subject: string | undefined
  /** What became of it here, whether or not the answer got through. */
  outcome: Outcome
}

/**
 * What befalls a request. `reset` and `reset first` cut the connection, after and before the work; a status is
 * answered without doing anything; a number of milliseconds delays the work, `hold` waits for a promise before it and
 * `answerAfter` between it and the answer.
 */
export type Fate =
  | 'answer'
  | 'reset'
  | 'reset first'
  | { readonly delay: number; readonly then?: Fate }
  | { readonly hold: Promise<unknown>; readonly then?: Fate }
  | { readonly answerAfter: Promise<unknown> }
  | { readonly status: number; readonly error?: string; readonly retryAfter?: number }

interface Family {
  readonly subject: string
  readonly audience: string
  readonly scope: string
  readonly spent: Map<string, number>
  current: string
  dead: boolean
}

export interface StrictServer {
  readonly issuer: string
  readonly asked: readonly Asked[]
  /** Seconds for which a spent refresh token of this person is forgiven: it gives the current one again. */
  leeway: (subject: string) => number
  /** Seconds that access tokens live. */
  life: number
  /** Seconds that its clock is ahead of the machine's. */
  ahead: number
  fate: (asked: Asked) => Fate
  /** A token of a sign-in, to be exchanged. */
  subjectToken(subject: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** The tokens of an account that the person has just linked. */
  link(subject: string): { readonly rt: string; readonly at: string; readonly life: number }
  /** How often a refresh was asked for, for this person or anybody. */
  refreshes(subject?: string): number
  outcomes(subject: string): Outcome[]
  /** The person's refresh tokens that still work. */
  alive(subject: string): string[]
  /** Access tokens whose grant still works. */
  honours(accessToken: string): boolean
  close(): Promise<void>
}

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const refreshType = 'urn:ietf:params:oauth:token-type:refresh_token'

interface Answer {
  readonly status: number
  readonly body?: Record<string, unknown>
  readonly headers?: Record<string, string>
}

const refusal = (error: string, status = 400): Answer => ({ status, body: { error } })

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) text += String(piece)
  return new URLSearchParams(text)
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
  response.end(body === undefined ? '' : JSON.stringify(body))
}

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}') as Record<
    string,
    unknown
  >

function createBooks() {
  const families = new Map<string, Family>()
  const accessTokens = new Map<string, Family>()
  let serial = 0
  return {
    families,
    accessTokens,
    next: (kind: string) => `${kind}-${(serial += 1)}-${'x'.repeat(24)}`,
  }
}

async function createSigner() {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'EdDSA', use: 'sig' }
  const header = { alg: 'EdDSA', kid: 'k', typ: 'at+jwt' }
  const sign = (claims: object): Promise<string> =>
    new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header).sign(privateKey)
  return { jwk, sign }
}

export async function startStrictServer(): Promise<StrictServer> {
  const signer = await createSigner()
  const { families, accessTokens, next } = createBooks()
  const asked: Asked[] = []

  const now = (): number => Math.floor(Date.now() / 1000) + it.ahead
  const stamp = () => ({ iss: it.issuer, iat: now(), exp: now() + it.life, jti: next('jti') })

  function answerOf(family: Family, more: Record<string, unknown> = {}): Answer {
    const { subject: sub, audience: aud, scope } = family
    const accessToken = unsignedJwt({ ...stamp(), sub, aud, scope })
    accessTokens.set(accessToken, family)
    const tokens = { access_token: accessToken, refresh_token: family.current }
    return { status: 200, body: { ...tokens, token_type: 'Bearer', expires_in: it.life, scope, ...more } }
  }

  function exchange(form: URLSearchParams, entry: Asked): Answer {
    const { sub } = claimsOf(form.get('subject_token') ?? '')
    if (typeof sub !== 'string') return refusal('invalid_request')
    const family: Family = {
      subject: sub,
      audience: form.get('audience') ?? '',
      scope: form.get('scope') ?? '',
      spent: new Map(),
      current: next('rt'),
      dead: false,
    }
    families.set(family.current, family)
    entry.outcome = 'issued'
    return answerOf(family, { issued_token_type: refreshType })
  }

  function refresh(form: URLSearchParams, entry: Asked): Answer {
    const token = form.get('refresh_token') ?? ''
    const family = families.get(token)
    if (family === undefined) return refusal('invalid_grant')
    entry.outcome = 'dead'
    if (family.dead) return refusal('invalid_grant')
    if (token === family.current) {
      family.spent.set(token, performance.now())
      family.current = next('rt')
      families.set(family.current, family)
      entry.outcome = 'rotated'
      return answerOf(family)
    }
    if (performance.now() - (family.spent.get(token) ?? 0) < it.leeway(family.subject) * 1000) {
      entry.outcome = 'forgiven'
      return answerOf(family)
    }
    family.dead = true
    entry.outcome = 'reused'
    return refusal('invalid_grant')
  }

  function revoke(form: URLSearchParams, entry: Asked): Answer {
    const token = form.get('token') ?? ''
    const family = families.get(token)
    if (family?.current !== token) return { status: 200 }
    entry.outcome = 'revoked'
    family.dead = true
    return { status: 200 }
  }

  function work(form: URLSearchParams, entry: Asked): Answer {
    if (entry.endpoint === 'revoke') return revoke(form, entry)
    if (entry.grant === 'refresh_token') return refresh(form, entry)
    return entry.grant === exchangeGrant ? exchange(form, entry) : refusal('unsupported_grant_type')
  }

  const subjectOf = (form: URLSearchParams): string | undefined => {
    const sub = claimsOf(form.get('subject_token') ?? '')['sub']
    return typeof sub === 'string'
      ? sub
      : families.get(form.get('refresh_token') ?? form.get('token') ?? '')?.subject
  }

  async function meet(fate: Fate, response: ServerResponse, go: () => Answer): Promise<void> {
    if (typeof fate === 'string') {
      const answer = fate === 'reset first' ? undefined : go()
      if (fate === 'answer' && answer !== undefined) send(response, answer)
      else response.socket?.resetAndDestroy()
    } else if ('status' in fate) {
      const headers = fate.retryAfter === undefined ? {} : { 'retry-after': String(fate.retryAfter) }
      send(response, { ...refusal(fate.error ?? 'temporarily_unavailable', fate.status), headers })
    } else if ('answerAfter' in fate) {
      const answer = go()
      await fate.answerAfter
      send(response, answer)
    } else {
      await ('hold' in fate ? fate.hold : pause(fate.delay))
      await meet(fate.then ?? 'answer', response, go)
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '', 'http://any').pathname
    if (path === '/jwks') {
      send(response, { status: 200, body: { keys: [signer.jwk] } })
      return
    }
    if (request.method === 'GET') {
      const { issuer } = it
      const body = {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        revocation_endpoint: `${issuer}/revoke`,
        code_challenge_methods_supported: ['S256'],
        jwks_uri: `${issuer}/jwks`,
      }
      send(response, path.startsWith('/.well-known/') ? { status: 200, body } : { status: 404 })
      return
    }
    const form = await formOf(request)
    const entry: Asked = {
      endpoint: path === '/revoke' ? 'revoke' : 'token',
      grant: form.get('grant_type') ?? '',
      subject: subjectOf(form),
      outcome: path === '/revoke' ? 'unknown' : 'refused',
    }
    asked.push(entry)
    await meet(it.fate(entry), response, () => work(form, entry))
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const of = (subject?: string) => asked.filter((entry) => subject === undefined || entry.subject === subject)
  const it: StrictServer = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    leeway: () => 0,
    life: 300,
    ahead: 0,
    fate: () => 'answer',
    subjectToken: (sub, claims = {}) =>
      signer.sign({ ...stamp(), sub, aud: 'sallyport', scope: 'openid', ...claims }),
    link: (subject) => {
      const family: Family = {
        ...{ subject, audience: 'https://tracker.example', scope: 'read' },
        ...{ spent: new Map<string, number>(), current: next('rt'), dead: false },
      }
      families.set(family.current, family)
      asked.push({ endpoint: 'token', grant: 'authorization_code', subject, outcome: 'issued' })
      return { rt: family.current, at: String(answerOf(family).body?.['access_token']), life: it.life }
    },
    refreshes: (subject) => of(subject).filter(({ grant }) => grant === 'refresh_token').length,
    outcomes: (subject) => of(subject).map(({ outcome }) => outcome),
    alive: (subject) => [
      ...new Set(
        [...families.values()]
          .filter((it_) => it_.subject === subject && !it_.dead)
          .map((it_) => it_.current),
      ),
    ],
    honours: (token) => accessTokens.get(token)?.dead === false,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return it
}
