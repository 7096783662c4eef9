import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { asSallyportError, renderOAuth, SallyportError } from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { DistinctHeaders } from './client-auth.ts'
import type { Claims } from './compact.ts'
import { type Form, parseForm } from './form.ts'

/** The largest body: a subject token of 16 KiB, percent-encoded, and some parameters. */
const bodyLimit = 48 * 1024
const formType = 'application/x-www-form-urlencoded'

/** One request of a client that shows who it is, by a header or in the form. */
export interface FormRequest {
  readonly headers: DistinctHeaders
  readonly form: Form
  /** The id of the request, in records and errors. */
  readonly id: string
}

/** A scope of routes that take forms and say what is wrong in OAuth's words (RFC 6749 §5.2). */
export async function mountFormFace(
  app: FastifyInstance,
  { name, log }: { readonly name: string; readonly log: Log },
  mount: (face: FastifyInstance) => void,
): Promise<void> {
  await app.register(async (face) => {
    face.removeAllContentTypeParsers()
    face.addContentTypeParser(formType, { parseAs: 'string', bodyLimit }, (_request, body, done) => {
      done(null, body)
    })
    face.setErrorHandler((error: FastifyError, request, reply) => {
      const failure = ownError(error)
      if (failure.code === 'internal') log.error(`${name} failed`, { request: request.id }, error)
      const { status, headers, body } = renderOAuth(failure, request.id)
      return reply.code(status).headers(headers).send(body)
    })
    mount(face)
  })
}

/** What is answered is not kept by anybody on the way. Undefined is an answer without a body. */
export function postForm(face: FastifyInstance, path: string, act: (request: FormRequest) => unknown): void {
  face.post(path, { bodyLimit }, async (request, reply) => {
    const headers = distinctHeaders(request.raw.rawHeaders)
    const answer: unknown = await act({ headers, form: readForm(request), id: request.id })
    reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
    return answer === undefined ? reply.send() : reply.type('application/json').send(JSON.stringify(answer))
  })
}

/** Metadata and keys, for everybody. */
export function publish(
  reply: FastifyReply,
  document: Claims | { readonly keys: readonly unknown[] },
): FastifyReply {
  return reply
    .header('cache-control', 'public, max-age=60')
    .type('application/json')
    .send(JSON.stringify(document))
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

/** The framework's refusals of a body are the caller's fault; everything else unknown is ours. */
function ownError(error: FastifyError | SallyportError): SallyportError {
  const status = error instanceof SallyportError ? undefined : error.statusCode
  if (status === 413) return new SallyportError('body_too_large', {}, error)
  if (status !== undefined && status >= 400 && status < 500)
    return new SallyportError('request_malformed', {}, error)
  return asSallyportError(error)
}
