import {
  type Clock,
  type Downstream,
  type EpochSeconds,
  epoch,
  type GuardedFetch,
  type InstallationSource,
  type Principal,
  SallyportError,
  Secret,
} from '../model/index.ts'
import { createAuthorizationServers } from './authorization-server.ts'
import { type Claims, readClaims } from './claims.ts'
import { clientCredentials } from './flavours/client-credentials.ts'
import type { ClientCredentialsSource, TokenRequest, TokenSource } from './flavours/flavour.ts'
import { installationToken } from './flavours/installation.ts'
import { tokenExchange } from './flavours/token-exchange.ts'
import { exchangeSubject } from './exchange-subject.ts'
import type { RequestToken } from './grant-request.ts'
import type { Registration } from './registration.ts'
import type { Subject } from './subject-source.ts'

/** What a token endpoint said. The description is foreign text: to be compared, never to be shown. */
export type Heard =
  | {
      readonly kind: 'token'
      readonly token: Secret
      /** As a subject for an exchange, where it is to be one and is not opaque. */
      readonly subject: Subject | undefined
      /** The member of the answer for which it would not be used. */
      readonly unfit?: string
      /** It names further audiences, so that it is exchanged for a narrower one before it is used. */
      readonly broad?: boolean
    }
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly error: string
      readonly description: string
      /** Entra's `error_codes`. */
      readonly numbers: readonly number[]
    }
  /** There was no answer that could be read. */
  | { readonly kind: 'failed'; readonly error: unknown }

type Token = Omit<Extract<Heard, { readonly kind: 'token' }>, 'kind'>

/** Token requests that are made to learn how a provider is configured; what comes back is thrown away. */
export interface ProviderProbe {
  /** As our client, with a code that nobody was given: shows whether the client is taken. */
  withBogusCode(at: Registration, redirect: string): Promise<Heard>
  /** The client's own token. */
  asItself(at: Registration, scope: readonly string[]): Promise<Heard>
  /** The very request that serves a call; without a subject one whose subject cannot be right. */
  exchange(trial: Trial): Promise<Heard>
  clientCredentials(downstream: Downstream, source: ClientCredentialsSource): Promise<Heard>
  /** A token of an installation of a GitHub App. */
  installation(source: InstallationSource): Promise<Heard>
  /** A token that a person was given, for a trial. @throws token_malformed */
  personal(token: Secret): Canary
}

/** A subject token for a trial: a person's, or our client's own. */
export interface Canary {
  readonly subject: Subject
  readonly person: boolean
}

/** An exchange to be tried. `keep`: ask for a refresh token too. */
export interface Trial {
  readonly downstream: Downstream
  readonly source: TokenSource
  readonly canary?: Canary
  readonly keep: boolean
}

const bogus = 'sallyport-doctor'

/** The last answer that came through, whole: errors of the library leave parts of it out. */
function tap(fetch: GuardedFetch) {
  let last: { readonly status: number; readonly text: string } | undefined
  const tapped: GuardedFetch = async (url, init) => {
    last = undefined
    const { status, headers, ...answer } = await fetch(url, init).then(async (it) => ({
      status: it.status,
      headers: [...it.headers],
      text: await it.text(),
    }))
    last = { status, text: answer.text }
    return new Response(answer.text === '' ? null : answer.text, { status, headers })
  }
  return { fetch: tapped, last: () => last, forget: () => void (last = undefined) }
}

function refusalOf(last: { readonly status: number; readonly text: string } | undefined): Heard | undefined {
  if (last === undefined || last.status < 400) return undefined
  let body: Record<string, unknown> = {}
  try {
    const parsed: unknown = JSON.parse(last.text)
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>
  } catch {
    return undefined
  }
  const text = (name: string): string => (typeof body[name] === 'string' ? body[name] : '')
  const numbers = Array.isArray(body['error_codes']) ? body['error_codes'] : []
  return {
    kind: 'refused',
    status: last.status,
    // Okta's API errors name their code otherwise.
    error: text('error') || text('errorCode'),
    description: text('error_description') || text('errorSummary'),
    numbers: numbers.filter((number) => typeof number === 'number'),
  }
}

function subjectOf(token: Secret, claims: Claims | undefined, now: EpochSeconds): Subject | undefined {
  if (claims === undefined) return undefined
  return { token, claims, expiresAt: epoch(claims.expiresAt ?? now + 60) }
}

/** A token that no server has given, as if it were a person's: three parts, so that it is read before it is refused. */
function bogusCanary(issuer: string): Canary {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', typ: 'at+jwt' })}.${part({ iss: issuer, sub: bogus, aud: bogus })}.${bogus}`
  return {
    subject: {
      token: new Secret(text, 'bogus token'),
      claims: readClaims(text) ?? { audiences: [], actors: [] },
      expiresAt: epoch(0),
    },
    person: true,
  }
}

interface ProbeDeps {
  readonly fetch: GuardedFetch
  readonly clock: Clock
}

/** A token would not be used, for this member of the answer. */
class Unfit extends Error {
  readonly member: string
  readonly token: Secret

  constructor({ facts, code }: SallyportError, token: Secret) {
    super('unfit')
    this.member = facts.field ?? code
    this.token = token
  }
}

/** The way to the token endpoints, as for calls; whatever goes wrong there is told. */
function createAsking({ fetch, clock }: ProbeDeps) {
  const tapped = tap(fetch)
  const servers = createAuthorizationServers({ fetch: tapped.fetch, clock })

  const requestToken: RequestToken = async (flavour, ask, at) => {
    const answer = await servers.token(at, flavour.prepare(ask))
    try {
      return flavour.interpret(ask, answer, clock.now())
    } catch (error) {
      throw error instanceof SallyportError ? new Unfit(error, answer.accessToken) : error
    }
  }
  const hear = async (work: () => Promise<Token>): Promise<Heard> => {
    tapped.forget()
    try {
      return { kind: 'token', ...(await work()) }
    } catch (error) {
      if (error instanceof Unfit)
        return { kind: 'token', token: error.token, subject: undefined, unfit: error.member }
      return refusalOf(tapped.last()) ?? { kind: 'failed', error }
    }
  }
  return { tapped, servers, requestToken, hear }
}

export function createProviderProbe(deps: ProbeDeps): ProviderProbe {
  const { clock } = deps
  const { tapped, servers, requestToken, hear } = createAsking(deps)
  const plain = async (at: Registration, request: TokenRequest): Promise<Token> => {
    const { accessToken: token, claims } = await servers.token(at, request)
    return { token, subject: subjectOf(token, claims, clock.now()) }
  }
  return {
    withBogusCode: (at, redirect) => hear(() => plain(at, bogusCode(redirect))),
    asItself: (at, scope) => hear(() => plain(at, ownToken(scope))),
    exchange: ({ downstream, source, canary, keep }) => {
      const { subject, person } = canary ?? bogusCanary(source.issuer)
      const principal = person ? principalOf(source.issuer, subject) : undefined
      const ask = { source, downstream, principal, subject, keep }
      return hear(async () => {
        const { secret: token } =
          source.kind === 'exchange'
            ? await exchangeSubject({ ...ask, source }, requestToken)
            : await requestToken(tokenExchange, ask, source)
        return { token, subject: undefined }
      })
    },
    clientCredentials: (downstream, source) =>
      hear(async () => {
        const answer = await requestToken(clientCredentials, { source, downstream }, source)
        if (!('subject' in answer)) return { token: answer.secret, subject: undefined }
        return { token: answer.subject.token, subject: answer.subject, broad: true }
      }),
    installation: (source) =>
      hear(async () => {
        const { secret } = await installationToken(source, { fetch: tapped.fetch, now: clock.now })
        return { token: secret, subject: undefined }
      }),
    personal: (token) => {
      const subject = subjectOf(token, claimsIn(token), clock.now())
      if (subject === undefined) throw new SallyportError('token_malformed')
      return { subject, person: true }
    },
  }
}

const bogusCode = (redirect: string): TokenRequest => ({
  grantType: 'authorization_code',
  parameters: [
    ['code', bogus],
    ['redirect_uri', redirect],
    ['code_verifier', bogus.repeat(3)],
  ],
})

const ownToken = (scope: readonly string[]): TokenRequest => ({
  grantType: 'client_credentials',
  parameters: scope.length === 0 ? [] : [['scope', scope.join(' ')]],
})

function claimsIn(token: Secret): Claims | undefined {
  try {
    return readClaims(token.reveal())
  } catch (error) {
    throw new SallyportError('token_malformed', {}, error)
  }
}

function principalOf(issuer: string, { claims }: Subject): Principal {
  return { kind: 'user', tenant: '', issuer, subject: claims.subject ?? '' }
}
