import type { FastifyInstance } from 'fastify'
import type { Server } from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { Authenticate } from './client-auth.ts'
import type { Form } from './form.ts'
import { mountFormFace, postForm, publish } from './form-face.ts'
import { metadataPaths, serverMetadata } from './metadata.ts'
import type { SigningKeys } from './session/keys.ts'
import type { TokenService } from './token-service.ts'

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
  const { authenticate, tokens, keys, log } = deps
  await mountFormFace(app, { name: 'token face', log }, (face) => {
    const post = (path: string, act: (server: Server, form: Form, request: string) => unknown): void =>
      postForm(face, path, ({ headers, form, id }) => act(authenticate(headers, form), form, id))
    post('/oauth2/token', tokens.exchange)
    post('/oauth2/introspect', tokens.introspect)
    post('/oauth2/revoke', tokens.revoke)
    face.get('/oauth2/jwks', (_request, reply) => publish(reply, keys.jwks()))
    for (const path of metadataPaths(options.issuer)) {
      const { issuer } = options
      face.get(path, (_request, reply) =>
        publish(reply, serverMetadata({ issuer, address: options.address() })),
      )
    }
  })
}
