import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import { type Form, parseForm } from '../identity/index.ts'
import { asSallyportError, SallyportError } from '../model/index.ts'
import { devSignInPage, errorPage, messagePage } from '../pages/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { Authorization } from './authorize/authorize.ts'
import { type Answer, pageAnswer, sendAnswer, withCookies } from './browser/answer.ts'
import { checkOrigin, type Forms } from './browser/forms.ts'
import type { Visitors } from './browser/visitors.ts'
import type { Clients } from './clients/clients.ts'
import type { DevPerson, Logins } from './login/logins.ts'
import { metadataPaths, openIdMetadata, serverMetadata } from './metadata.ts'
import { openToPages } from './open-to-pages.ts'
import type { Tokens } from './shapes.ts'
import type { SignInSlice } from './slice.ts'

const formType = 'application/x-www-form-urlencoded'

export interface OpenParts {
  readonly slice: SignInSlice
  readonly clients: Pick<Clients, 'register'>
  readonly tokens: Pick<Tokens, 'grants' | 'mount'>
}

/** What clients ask for by themselves: metadata, registration, tokens. */
export async function mountOpen(app: FastifyInstance, { slice, clients, tokens }: OpenParts): Promise<void> {
  await openToPages(app, (open) => {
    mountMetadata(open, slice, tokens.grants)
    if (slice.registration !== 'off') void open.register((scope) => mountRegistration(scope, clients))
    tokens.mount(open)
  })
}

function mountMetadata(app: FastifyInstance, slice: SignInSlice, grants: readonly string[]): void {
  const paths = metadataPaths(slice.url)
  const publish = (at: readonly string[], document: object) => {
    const text = JSON.stringify(document)
    for (const path of at)
      app.get(path, async (_request, reply) =>
        reply.header('cache-control', 'public, max-age=300').type('application/json').send(text),
      )
  }
  publish(paths.oauth, serverMetadata(slice, grants))
  publish(paths.oidc, openIdMetadata(slice, grants))
}

async function mountRegistration(app: FastifyInstance, clients: Pick<Clients, 'register'>): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: 16_384 },
    (_request, body, done) => {
      done(null, body)
    },
  )
  app.post('/oauth2/register', async ({ body }, reply) => {
    const registered = clients.register(typeof body === 'string' ? body : '')
    return reply
      .status(201)
      .header('cache-control', 'no-store')
      .type('application/json')
      .send(JSON.stringify(registered))
  })
}

export interface PageParts {
  readonly url: string
  readonly origin: string
  /** Absent where MCP clients sign in at the IdP itself. */
  readonly authorization: Authorization | undefined
  readonly logins: Logins
  readonly forms: Forms
  readonly visitors: Visitors
  readonly people: readonly DevPerson[]
  readonly log: Log
}

/** What people see. Every failure is a page. */
export async function mountPages(app: FastifyInstance, parts: PageParts): Promise<void> {
  await app.register(async (pages) => {
    pages.removeAllContentTypeParsers()
    pages.addContentTypeParser(formType, { parseAs: 'string', bodyLimit: 32_768 }, (_request, body, done) => {
      done(null, body)
    })
    pages.setErrorHandler((error: FastifyError, request, reply) => {
      const failure = failureOf(error)
      if (failure.row.status >= 500) parts.log.warn('a page failed', { request: request.id }, failure)
      sendAnswer(reply, pageAnswer(failure.row.status, errorPage(failure, request.id)))
    })
    if (parts.authorization !== undefined) mountAuthorization(pages, parts.authorization)
    mountLogin(pages, parts)
    if (parts.people.length > 0) mountBuiltIn(pages, parts)
  })
}

function mountAuthorization(pages: FastifyInstance, authorization: Authorization): void {
  const begin = (query: (request: FastifyRequest) => string) => (request: FastifyRequest) =>
    authorization.begin(request, query(request))
  get(pages, '/oauth2/authorize', begin(queryOf))
  // A client may post the same (OpenID Connect Core §3.1.2.1).
  post(pages, '/oauth2/authorize', begin(bodyOf))
  post(pages, '/oauth2/consent', (request) => authorization.answer(request, formOf(request)))
}

function mountLogin(pages: FastifyInstance, { logins, visitors, origin }: PageParts): void {
  get(pages, '/login/begin', (request) => logins.begin(request))
  get(pages, '/login/callback', (request) => logins.callback(request))
  post(pages, '/login/out', async (request) => {
    checkOrigin(request, origin)
    const page = messagePage({
      heading: 'You are signed out here',
      sentence: 'This browser is nobody’s any more at sallyport. Apps that you allowed stay signed in.',
      next: 'At your identity provider you may still be signed in.',
    })
    return withCookies(pageAnswer(200, page), ...visitors.farewell())
  })
}

function mountBuiltIn(pages: FastifyInstance, { url, logins, forms, people }: PageParts): void {
  get(pages, '/login/dev', async (request) => {
    const state = new URLSearchParams(queryOf(request)).get('state') ?? ''
    const hidden = { state: forms.make(request, 'dev', state) }
    return pageAnswer(200, devSignInPage({ people, form: { action: `${url}/login/dev`, hidden } }))
  })
  post(pages, '/login/dev', async (request) => {
    const form = formOf(request)
    const state = forms.read(request, 'dev', form.one('state'))
    return logins.choose(request, { state, user: form.one('user') })
  })
}

type Handle = (request: FastifyRequest) => Promise<Answer>

/** No HEAD: what a GET does here is not without effect. */
function get(app: FastifyInstance, path: string, handle: Handle): void {
  app.get(path, { exposeHeadRoute: false }, async (request, reply) => {
    sendAnswer(reply, await handle(request))
    return reply
  })
}

function post(app: FastifyInstance, path: string, handle: Handle): void {
  app.post(path, async (request, reply) => {
    sendAnswer(reply, await handle(request))
    return reply
  })
}

const queryOf = ({ url }: FastifyRequest): string =>
  url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
const bodyOf = ({ body }: FastifyRequest): string => (typeof body === 'string' ? body : '')
const formOf = (request: FastifyRequest): Form => parseForm(bodyOf(request))

/** What the framework refuses of a request is the browser's fault. */
function failureOf(error: FastifyError | SallyportError): SallyportError {
  if (error instanceof SallyportError) return error
  if (error.statusCode === 413) return new SallyportError('body_too_large', {}, error)
  if (error.statusCode !== undefined && error.statusCode < 500)
    return new SallyportError('request_malformed', {}, error)
  return asSallyportError(error)
}
