import { createHash } from 'node:crypto'
import type { Heard } from '../../exchange/index.ts'
import type { OAuthClient } from '../../model/index.ts'
import { authorizeFault, offlineFaults, type Sent } from './authorize-faults.ts'
import { clockOfToken } from './clock.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding, type FindingCode, type Words } from './finding.ts'
import type { IdpKind, Metadata } from './idp.ts'
import type { Step } from './step.ts'
import { tokenFault } from './token-faults.ts'

/** One client of ours at one issuer. */
export interface ClientTerms {
  readonly name: string
  readonly needs: readonly string[]
  readonly issuer: string
  readonly client: OAuthClient
  /** The setting: `login.client`, `downstreams.orders.exchange.client`. */
  readonly field: string
  readonly issuerField: string
  readonly idp: () => IdpKind
  readonly metadata: () => Metadata
  /** Where the IdP sends people back to; undefined where nobody is sent there. */
  readonly redirect: string | undefined
  /** What is asked for when somebody is; what a sign-in asks for where it is left out. */
  readonly scope: readonly string[] | undefined
}

export const canaryKey = (issuer: string, client: OAuthClient): string => `${issuer} ${client.id}`

/** What may be said of what a provider said: the OAuth error, if it is one of the known words. */
export const shownError = (error: string): string =>
  /^[a-z_]{3,40}$/.test(error) ? error : 'an error of its own'

/** Whether the IdP takes the client and its secret or key. */
async function authenticates(terms: ClientTerms, at: Examination): Promise<readonly Finding[]> {
  const { issuer, client, field, issuerField } = terms
  const idp = terms.idp()
  const words: Words = { field, issuerField, client: client.id, redirect: terms.redirect ?? '' }
  const where = { issuer, client }
  const { provider } = at.tools
  // Entra looks at a code before it looks at the secret; a token for itself shows both.
  const first =
    idp === 'entra'
      ? await provider.asItself(where, [`${client.id}/.default`])
      : await provider.withBogusCode(where, terms.redirect ?? at.config.url)
  if (first.kind === 'failed') return [finding('client_untried', words)]
  if (first.kind === 'token') return ofOwnToken(first, terms, at)
  const meaning = tokenFault(idp, 'client', first)
  if (meaning === 'keycloak_client_unknown') return [finding(await whichUnknown(terms, at), words)]
  if (meaning !== 'passed') return [finding(meaning, { ...words, scope: client.id })]
  return idp === 'keycloak' ? keycloakCanary(terms, at, words) : [finding('client_taken', words)]
}

/** Entra's token for the application itself also tells of which version its tokens are. */
function ofOwnToken(
  heard: Heard & { kind: 'token' },
  terms: ClientTerms,
  at: Examination,
): readonly Finding[] {
  const words: Words = { field: terms.field, client: terms.client.id }
  const { login } = at.config
  const direct = login.mode === 'direct' && terms.issuer === login.issuer
  const issuer = heard.subject?.claims.issuer
  if (terms.idp() === 'entra' && direct && issuer !== undefined && issuer !== terms.issuer)
    return [finding('entra_token_version', words)]
  return [finding('client_taken', words)]
}

/** Keycloak gives a client a token of its own, which serves as subject in trials; and tells here that it is public. */
async function keycloakCanary(
  terms: ClientTerms,
  at: Examination,
  words: Words,
): Promise<readonly Finding[]> {
  const { issuer, client } = terms
  const { tools, learnt } = at
  const heard = await tools.provider.asItself({ issuer, client }, [])
  if (heard.kind === 'token' && heard.subject !== undefined)
    learnt.canaries.set(canaryKey(issuer, client), { subject: heard.subject, person: false })
  const meaning = heard.kind === 'refused' ? tokenFault('keycloak', 'canary', heard) : 'passed'
  if (meaning === 'keycloak_client_public') return [finding(meaning, words)]
  const issuedAt = heard.kind === 'token' ? heard.subject?.claims.issuedAt : undefined
  // Keycloak's answers carry no Date.
  const time = issuer === at.config.login.issuer ? clockOfToken(issuedAt, at) : []
  return [finding('client_taken', words), ...time]
}

/** Unknown and switched off are one to the token endpoint; the page for people tells them apart. */
async function whichUnknown(terms: ClientTerms, at: Examination): Promise<FindingCode> {
  const sent = await send(terms, at, ['openid']).catch(() => undefined)
  const meaning = sent === undefined ? 'unknown' : authorizeFault('keycloak', sent)
  return meaning === 'keycloak_client_disabled' ? meaning : 'keycloak_client_unknown'
}

/** A sign-in begun and given up at once: the IdP is asked not to show anything (`prompt=none`). */
async function send(
  terms: ClientTerms,
  { tools, config }: Examination,
  scope: readonly string[],
): Promise<Sent> {
  const redirect = terms.redirect ?? config.url
  const verifier = Buffer.from(tools.random(32)).toString('base64url')
  const url = new URL(String(terms.metadata()['authorization_endpoint']))
  const parameters: Readonly<Record<string, string>> = {
    client_id: terms.client.id,
    redirect_uri: redirect,
    response_type: 'code',
    scope: scope.join(' '),
    state: verifier,
    nonce: verifier,
    prompt: 'none',
    ui_locales: 'en',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  tools.allowOrigin(url.origin)
  const answer = await tools.fetch(url, { headers: { accept: 'text/html', 'accept-language': 'en' } })
  const page = (await answer.text()).slice(0, 200_000)
  const location = [...answer.headers].find(([name]) => name.toLowerCase() === 'location')?.[1]
  return { ...sentTo(location, redirect), ...pageOf(page), status: answer.status }
}

function pageOf(page: string): Pick<Sent, 'numbers' | 'page'> {
  const numbers = [...page.matchAll(/AADSTS(\d{5,7})/g)].map(([, number]) => Number(number))
  return { numbers, page: page.replaceAll(/\s+/g, ' ').toLowerCase() }
}

/** The errors of a redirect that leads to us. Any other redirect shows a page of the IdP. */
function sentTo(location: string | undefined, redirect: string): Pick<Sent, 'error' | 'description'> {
  const url = location === undefined ? null : URL.parse(location)
  if (url === null || `${url.origin}${url.pathname}` !== redirect) return {}
  const error = url.searchParams.get('error')
  const description = url.searchParams.get('error_description') ?? ''
  return error === null ? {} : { error, description }
}

/** What sign-in asks for, and nearly what linking an account does. */
function scopesOf({ scope, metadata }: ClientTerms): readonly string[] {
  if (scope !== undefined) return [...new Set(['openid', ...scope])]
  const { scopes_supported: offered } = metadata()
  const refreshed = !Array.isArray(offered) || offered.includes('offline_access')
  return ['openid', 'profile', ...(refreshed ? ['offline_access'] : [])]
}

async function sendsBack(terms: ClientTerms, at: Examination): Promise<readonly Finding[]> {
  const { redirect, field, client } = terms
  if (redirect === undefined) return []
  const idp = terms.idp()
  const scope = scopesOf(terms)
  const words: Words = { field, client: client.id, redirect, scope: scope.join(' ') }
  const sent = await send(terms, at, scope).catch(() => undefined)
  if (sent === undefined) return [finding('redirect_untried', words)]
  const meaning = authorizeFault(idp, sent)
  if (meaning === 'passed') return [finding('redirect_taken', words)]
  if (meaning === 'unknown') return [finding('redirect_untried', words)]
  const offline = offlineFaults[idp]
  if (sent.error === 'invalid_scope' && offline !== undefined && scope.includes('offline_access')) {
    const without = await send(
      terms,
      at,
      scope.filter((it) => it !== 'offline_access'),
    )
    if (authorizeFault(idp, without) === 'passed') return [finding(offline, words)]
  }
  return [finding(meaning, { ...words, error: shownError(sent.error ?? '') })]
}

/** Our client at an IdP: known, authenticated, and allowed to send people back here. */
export function clientStep(terms: ClientTerms, at: Examination): Step {
  return {
    name: terms.name,
    needs: terms.needs,
    run: async () => {
      const first = await authenticates(terms, at)
      if (first.some(({ verdict }) => verdict === 'wrong')) return first
      return [...first, ...(await sendsBack(terms, at))]
    },
  }
}
