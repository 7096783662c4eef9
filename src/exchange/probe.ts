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
import type {
  ClientCredentialsSource,
  Flavour,
  TokenAnswer,
  TokenRequest,
  TokenSource,
} from './flavours/flavour.ts'
import { installationToken } from './flavours/installation.ts'
import { tokenExchange } from './flavours/token-exchange.ts'
import type { Registration } from './registration.ts'
import type { Subject } from './subject-source.ts'

/** What a token endpoint said. The description is foreign text: to be compared, never to be shown. */
export type Heard =
  | {
      readonly kind: 'token'
      readonly token: Secret
      /** As a subject for an exchange; undefined where the token is opaque. */
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
  return { fetch: tapped, last: () => last }
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

/** A token that no server has given: three parts, so that it is read before it is refused. */
function bogusCanary(issuer: string): Canary {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', typ: 'at+jwt' })}.${part({ iss: issuer, sub: bogus, aud: bogus })}.${bogus}`
  return {
    subject: {
      token: new Secret(text, 'bogus token'),
      claims: readClaims(text) ?? { audiences: [], actors: [] },
      expiresAt: epoch(0),
    },
    person: false,
  }
}

interface ProbeDeps {
  readonly fetch: GuardedFetch
  readonly clock: Clock
}

/** One request; `judge` throws for a token that would not be used. */
type Ask = (
  at: Registration,
  request: TokenRequest,
  judge?: (answer: TokenAnswer, now: EpochSeconds) => unknown,
) => Promise<Heard>

function createAsk(tapped: ReturnType<typeof tap>, clock: Clock): Ask {
  const servers = createAuthorizationServers({ fetch: tapped.fetch, clock })
  return async (at, request, judge = () => undefined) => {
    let answer: TokenAnswer
    try {
      answer = await servers.token(at, request)
    } catch (error) {
      return refusalOf(tapped.last()) ?? { kind: 'failed', error }
    }
    const token = answer.accessToken
    const subject = subjectOf(token, answer.claims, clock.now())
    try {
      const outcome = judge(answer, clock.now())
      const broad = typeof outcome === 'object' && outcome !== null && 'subject' in outcome
      return { kind: 'token', token, subject, broad }
    } catch (error) {
      if (!(error instanceof SallyportError)) return { kind: 'failed', error }
      return { kind: 'token', token, subject, unfit: error.facts.field ?? error.code }
    }
  }
}

export function createProviderProbe(deps: ProbeDeps): ProviderProbe {
  const { clock } = deps
  const tapped = tap(deps.fetch)
  const ask = createAsk(tapped, clock)
  const by = <Wanted, Outcome>(flavour: Flavour<Wanted, Outcome>, it: Wanted, at: Registration) =>
    ask(at, flavour.prepare(it), (answer, now) => flavour.interpret(it, answer, now))
  return {
    withBogusCode: (at, redirect) =>
      ask(at, {
        grantType: 'authorization_code',
        parameters: [
          ['code', bogus],
          ['redirect_uri', redirect],
          ['code_verifier', bogus.repeat(3)],
        ],
      }),
    asItself: (at, scope) =>
      ask(at, {
        grantType: 'client_credentials',
        parameters: scope.length === 0 ? [] : [['scope', scope.join(' ')]],
      }),
    exchange: ({ downstream, source, canary, keep }) => {
      const { subject, person } = canary ?? bogusCanary(source.issuer)
      const principal = person ? principalOf(source.issuer, subject) : undefined
      return by(tokenExchange, { source, downstream, principal, subject, keep }, source)
    },
    clientCredentials: (downstream, source) => by(clientCredentials, { source, downstream }, source),
    installation: async (source) => {
      try {
        const { secret } = await installationToken(source, { fetch: tapped.fetch, now: clock.now })
        return { kind: 'token', token: secret, subject: undefined }
      } catch (error) {
        const status = tapped.last()?.status ?? 0
        if (!(error instanceof SallyportError) || status < 400) return { kind: 'failed', error }
        return { kind: 'refused', status, error: error.code, description: '', numbers: [] }
      }
    },
    personal: (token) => {
      const subject = subjectOf(token, claimsIn(token), clock.now())
      if (subject === undefined) throw new SallyportError('token_malformed')
      return { subject, person: true }
    },
  }
}

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
