import { z } from 'zod'
import { asymmetricAlgorithms, defaultAlgorithms } from '../../identity/index.ts'
import { duration, identifier, insecure, label, oauthClient, scope, url } from './scalars.ts'

export const loginDefaults = {
  groups: 'groups',
  algorithms: defaultAlgorithms,
  types: ['JWT'] as const,
  skew: 5,
}

const workflow = identifier.optional()

export const login = z.strictObject({
  issuer: url.describe('The issuer of your IdP, exactly as its tokens name it in `iss`.'),
  insecure,
  client: oauthClient
    .optional()
    .describe('The OAuth client of sallyport at the IdP. Exchanges use it where they name none.'),
  mode: z
    .enum(['broker', 'direct'])
    .optional()
    .describe(
      '`broker`: MCP clients sign in here, and people are sent on to the IdP. `direct`: they sign in at the IdP itself. Default: `broker` where `client` has a secret or key, or in dev without a login of its own; else `direct`.',
    ),
  scope: scope
    .optional()
    .describe(
      'What is asked for when a person is sent to the IdP. Default: `openid profile`, and `offline_access` where the IdP lists it.',
    ),
  groups: identifier
    .optional()
    .meta({ description: 'The claim that lists the groups of a person.', default: loginDefaults.groups }),
  tenant: z
    .strictObject({
      claim: identifier.describe('Name of the claim.'),
      value: label.describe('The only value that is taken.'),
    })
    .optional()
    .describe(
      'Refuse tokens in which a claim names another tenant. A claim can only refuse; the tenant is `tenant`.',
    ),
  audiences: z
    .array(identifier)
    .min(1)
    .optional()
    .describe(
      'What `aud` of a subject token may be, for servers that do not say it themselves. An IdP that names audiences by client id, such as Keycloak, needs its client id here. Default: the resource of the server.',
    ),
  workflow: workflow.describe(
    'The claim that names the workflow that a person works in, for rules on it. Default: none, and rules on workflows do not load.',
  ),
  algorithms: z
    .array(z.enum(asymmetricAlgorithms))
    .min(1)
    .optional()
    .meta({ description: 'Signature algorithms that are taken.', default: [...loginDefaults.algorithms] }),
  types: z
    .array(identifier)
    .optional()
    .meta({
      description:
        'Values of the JWT header `typ` that are taken besides `at+jwt`. Keycloak and most others write `JWT`; such a token must show in its payload that it is an access token. `[]` takes `at+jwt` only (RFC 9068 §4); use it where your IdP writes that.',
      default: [...loginDefaults.types],
    }),
  skew: duration.optional().meta({ description: 'How far clocks may be apart; at most 60s.', default: '5s' }),
})

export const workload = z.strictObject({
  issuer: url.describe('Who issues the tokens of workloads, such as a cluster.'),
  insecure,
  audience: identifier.describe('What `aud` of a workload token must name.'),
  subjects: z
    .array(label)
    .min(1)
    .describe(
      'Which subjects are taken. `*` stands for one or more characters other than `:` and `/`: `system:serviceaccount:crm:*` is one namespace.',
    ),
  workflow: workflow.describe(
    'The claim that names the workflow, such as `job_workflow_ref` of GitHub Actions.',
  ),
})
