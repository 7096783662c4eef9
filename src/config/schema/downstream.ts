import { z } from 'zod'
import { exchangeFlavours, providerNames } from '../../model/index.ts'
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
  flavour: z
    .enum(exchangeFlavours)
    .optional()
    .describe(
      'How the token is exchanged: RFC 8693, on-behalf-of at Microsoft Entra, RFC 7523 with the token as the assertion, or by an ID-JAG. Default: `entra-obo` where the issuer is Entra, else `token-exchange`.',
    ),
  at: z
    .strictObject({
      issuer: url.describe('The authorization server of the downstream, which takes the ID-JAG.'),
      insecure,
      client: oauthClient.describe('The client there.'),
    })
    .optional()
    .describe('For `flavour: id-jag`: where the ID-JAG is turned into a token.'),
  refresh: z.boolean().optional().meta({
    description: 'Ask for a refresh token and keep it as a stored connection, bound to the session.',
    default: false,
  }),
})

const linked = z.strictObject({
  issuer: url
    .optional()
    .describe('The authorization server. Default: the one that the downstream itself names (RFC 9728).'),
  insecure,
  client: oauthClient
    .optional()
    .describe(
      'The client there; only with `issuer`. Default: sallyport introduces itself, where the server takes that.',
    ),
  scope: scope
    .optional()
    .describe('The scopes to ask for. Default: those that the downstream or its server lists.'),
  resource: z
    .union([url, z.literal(false)])
    .optional()
    .describe(
      'The `resource` to ask for (RFC 8707). Default: what the downstream calls itself, or `url` where `issuer` is given. `false`: none, for servers that refuse it.',
    ),
  origins: z
    .array(url)
    .optional()
    .describe('Where else its endpoints may be, besides the origin of the issuer. Default: nowhere.'),
})

const installation = z.strictObject({
  app: identifier.describe('The client id of the GitHub App, or its number.'),
  key: secretReference.describe('Its private key in PEM: `file:` or `${ENV}`.'),
  installation: identifier.describe('The number of the installation.'),
  issuer: url
    .optional()
    .meta({ description: 'GitHub, or your own installation of it.', default: 'https://github.com' }),
  repositories: z
    .array(identifier)
    .optional()
    .describe('Names of the only repositories that the token opens. Default: all of the installation.'),
  permissions: z
    .record(identifier, z.enum(['read', 'write', 'admin']))
    .optional()
    .describe('The only permissions that the token has. Default: all of the installation.'),
})

const fixed = z.strictObject({
  header: identifier
    .optional()
    .describe('The header that carries it. Default: `Authorization` with `Bearer `.'),
  prefix: label.optional().describe('Text before the value in that header, with its blank: `"Token "`.'),
  per: z
    .enum(['all', 'user'])
    .describe(
      '`all`: one value for everybody, with an owner. `user`: each person has his own, put in on a page or by `sallyport connect`.',
    ),
  value: secretReference.optional().describe('The value for `per: all`: `file:` or `${ENV}`.'),
  owner: label.optional().describe('Who answers for the value of `per: all`.'),
})

export const downstream = z.strictObject({
  url: url
    .optional()
    .describe(
      'Where it is; a path is put before the path of each request. Required, unless `provider` has it.',
    ),
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
  provider: z
    .enum(providerNames)
    .optional()
    .describe(
      'Each person links his own account there; `client` and `scope` stand beside it. Endpoints and habits are in the catalogue.',
    ),
  issuer: url
    .optional()
    .describe(
      'With `provider`: your own tenant or installation. Microsoft: `https://login.microsoftonline.com/<tenant id>/v2.0`.',
    ),
  client: oauthClient.optional().describe('With `provider`: the client there.'),
  scope: scope.optional().describe('With `provider`: the scopes to ask each person for.'),
  oauth: linked
    .optional()
    .describe('Each person links his own account at an authorization server (authorization code with PKCE).'),
  'github-app': installation
    .optional()
    .describe('Tokens of an installation of a GitHub App, the same for everybody.'),
  static: fixed.optional().describe('A fixed secret such as an API key.'),
})
