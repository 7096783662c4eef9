import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { asSallyportError, renderOAuth, SallyportError, type Server } from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { Authenticate, DistinctHeaders } from './client-auth.ts'
import type { Claims } from './compact.ts'
import { type Form, parseForm } from './form.ts'
import { metadataPaths, serverMetadata } from './metadata.ts'
import type { SigningKeys } from './session/keys.ts'
import type { TokenService } from './token-service.ts'

/** The largest body: a subject token of 16 KiB, percent-encoded, and some parameters. */
const bodyLimit = 48 * 1024
const formType = 'application/x-www-form-urlencoded'

export interface TokenFaceOptions {
  /** `{url}/egress`. */
  readonly issuer: string
  /** Asked for with each metadata request: the port may be known only once the listener is up. */
  readonly address: () => string
}

export interface TokenFaceDeps {
  readonly authenticate: Authenticate
  readonly tokens: TokenService
  readonly keys: Pick<SigningKeys, 'jwks'>
  readonly log: Log
}

/** Token endpoint, introspection, revocation, keys and metadata of the egress, in a scope of their own. */
export async function mountTokenFace(
  app: FastifyInstance,
  options: TokenFaceOptions,
  deps: TokenFaceDeps,
): Promise<void> {
  await app.register(async (face) => {
    face.removeAllContentTypeParsers()
    face.addContentTypeParser(formType, { parseAs: 'string', bodyLimit }, (_request, body, done) => {
      done(null, body)
    })
    face.setErrorHandler((error: FastifyError, request, reply) =>
      answerError(error, { request, reply }, deps.log),
    )
    mountPosts(face, deps)
    face.get('/oauth2/jwks', (_request, reply) => publish(reply, deps.keys.jwks()))
    for (const path of metadataPaths(options.issuer)) {
      const { issuer } = options
      face.get(path, (_request, reply) =>
        publish(reply, serverMetadata({ issuer, address: options.address() })),
      )
    }
  })
}

function mountPosts(face: FastifyInstance, { authenticate, tokens }: TokenFaceDeps): void {
  const post = (path: string, act: (server: Server, form: Form, request: string) => unknown): void => {
    face.post(path, { bodyLimit }, async (request, reply) => {
      const form = readForm(request)
      const server = authenticate(distinctHeaders(request.raw.rawHeaders), form)
      const answer = await act(server, form, request.id)
      reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
      return answer === undefined ? reply.send() : reply.type('application/json').send(JSON.stringify(answer))
    })
  }
  post('/oauth2/token', tokens.exchange)
  post('/oauth2/introspect', tokens.introspect)
  post('/oauth2/revoke', tokens.revoke)
}

/** Parameters come in the body and nowhere else: a token in a URL ends up in logs. */
function readForm(request: FastifyRequest): Form {
  if (request.url.includes('?')) throw new SallyportError('request_malformed')
  return parseForm(typeof request.body === 'string' ? request.body : '')
}

/** Node drops all but the first `Authorization`; what was really sent stands in the raw list. */
function distinctHeaders(raw: readonly string[]): DistinctHeaders {
  const headers: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase()
    const values = (headers[name] ??= [])
    values.push(raw[at + 1] ?? '')
  }
  return headers
}

function publish(
  reply: FastifyReply,
  document: Claims | { readonly keys: readonly unknown[] },
): FastifyReply {
  return reply
    .header('cache-control', 'public, max-age=60')
    .type('application/json')
    .send(JSON.stringify(document))
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

function answerError(
  error: FastifyError | SallyportError,
  { request, reply }: Exchange,
  log: Log,
): FastifyReply {
  const failure = ownError(error)
  if (failure.code === 'internal') log.error('token face failed', { request: request.id }, error)
  const { status, headers, body } = renderOAuth(failure, request.id)
  return reply.code(status).headers(headers).send(body)
}

/** The framework's refusals of a body are the caller's fault; everything else unknown is ours. */
function ownError(error: FastifyError | SallyportError): SallyportError {
  const status = error instanceof SallyportError ? undefined : error.statusCode
  if (status === 413) return new SallyportError('body_too_large', {}, error)
  if (status !== undefined && status >= 400 && status < 500)
    return new SallyportError('request_malformed', {}, error)
  return asSallyportError(error)
}
