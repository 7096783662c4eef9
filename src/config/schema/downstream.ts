import { z } from 'zod'
import {
  identifier,
  insecure,
  label,
  oauthClient,
  riskClass,
  scope,
  secretReference,
  url,
} from './scalars.ts'

const operation = z.strictObject({
  op: z
    .string()
    .describe(
      'Method and path template: `GET /orders/{id}`. `{name}` is one segment, a last `{name...}` the rest.',
    ),
  class: riskClass.describe('What the operation may do. An operation without a class is `never`.'),
})

const target = {
  issuer: url.optional().describe('The authorization server. Default: the issuer of `login`.'),
  insecure,
  client: oauthClient
    .optional()
    .describe('The client there. Default: the client of `login`, where the issuer is the same.'),
  audience: identifier
    .optional()
    .describe('The `audience` to ask for (RFC 8693 §2.1); at Keycloak a client id.'),
  resource: url.optional().describe('The `resource` to ask for (RFC 8707 §2).'),
  extra_audiences: z
    .array(identifier)
    .optional()
    .describe('Further audiences that the token it gives may name. Default: none; one more refuses it.'),
  scope: scope.optional().describe('The scopes to ask for; the answer may not hold others.'),
}

const exchange = z.strictObject({
  ...target,
  refresh: z.boolean().optional().meta({
    description: 'Ask for a refresh token and keep it as a stored connection, bound to the session.',
    default: false,
  }),
})

const fixed = z.strictObject({
  header: identifier
    .optional()
    .describe('The header that carries it. Default: `Authorization` with `Bearer `.'),
  prefix: label.optional().describe('Text before the value in that header, with its blank: `"Token "`.'),
  per: z
    .enum(['all', 'user'])
    .describe(
      '`all`: one value for everybody, with an owner. `user`: each person has his own, put in by `sallyport connect`.',
    ),
  value: secretReference.optional().describe('The value for `per: all`: `file:` or `${ENV}`.'),
  owner: label.optional().describe('Who answers for the value of `per: all`.'),
})

export const downstream = z.strictObject({
  url: url.describe('Where it is; a path is put before the path of each request.'),
  insecure,
  resource: identifier.optional().describe('Its identifier in session tokens (RFC 8707). Default: `url`.'),
  operations: z
    .array(operation)
    .optional()
    .describe('What it does. Whatever is not listed is refused. Overrides `openapi`.'),
  openapi: z
    .string()
    .optional()
    .describe(
      'Path of an OpenAPI 3 document: GET and HEAD become `read`, POST, PUT and PATCH `write`, DELETE `critical`, others `never`; `x-sallyport-class` may only tighten.',
    ),
  guard: z.enum(['auto', 'on', 'off']).optional().meta({
    description:
      'Whether answers are searched for the credential, and withheld where they hold it. `auto`: where it is static or opaque, that is no JWT.',
    default: 'auto',
  }),
  exchange: exchange.optional().describe('Exchange the subject token for one of this downstream (RFC 8693).'),
  'client-credentials': z
    .strictObject(target)
    .optional()
    .describe('A token of our own client, the same for everybody (RFC 6749 §4.4).'),
  static: fixed.optional().describe('A fixed secret such as an API key.'),
})
