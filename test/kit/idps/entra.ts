/** Microsoft Entra ID, endpoints v2.0, as far as a sign-in meets its ways. */
import { createHash, randomUUID } from 'node:crypto'
import {
  type Granted,
  type Habits,
  type Place,
  type Refusal,
  startProvider,
  type StubIdp,
  type StubOptions,
  type StubPerson,
} from './provider.ts'

const tenant = '6f1b6d4c-2f0a-4c55-9d0e-3a5b0c9e7d11'
const base = `/${tenant}`
/** Directories name people and groups by GUIDs. */
export const entraGroups = { crm: '0b3f6c1e-8e34-4c0a-9b7c-7d2f5a1c4e60' } as const

const manyGroups = Array.from(
  { length: 201 },
  (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
)

const entraPeople: readonly StubPerson[] = [
  {
    username: 'alice@acme.example',
    password: 'alice-password',
    id: 'b8a2f0d4-51c7-4a7e-8f9b-1c2d3e4f5a6b',
    name: 'Alice Archer',
    groups: [entraGroups.crm],
  },
  {
    username: 'bob@acme.example',
    password: 'bob-password',
    id: 'c9b3a1e5-62d8-4b8f-9a0c-2d3e4f5a6b7c',
    name: 'Bob Baker',
    groups: [],
  },
  {
    username: 'carol@acme.example',
    password: 'carol-password',
    id: 'dac4b2f6-73e9-4c90-8b1d-3e4f5a6b7c8d',
    name: 'Carol Cook',
    groups: [entraGroups.crm, ...manyGroups],
  },
]

export interface EntraOptions extends Partial<StubOptions> {
  /** The optional claim `sid`, which somebody has to have configured. */
  readonly sid?: boolean
}

/** What the app registration exposes; asking for anything else's scopes gives tokens for Graph. */
const api = 'api://sallyport'
const graph = '00000003-0000-0000-c000-000000000000'

export function startEntra({ sid = false, ...options }: EntraOptions = {}): Promise<StubIdp> {
  return startProvider(habits(sid), { people: entraPeople, ...options })
}

const known = new Set(['openid', 'profile', 'email', 'offline_access', 'User.Read'])
const isOfApi = (scope: string) => scope.startsWith(`${api}/`)

function refuse(form: Readonly<Record<string, string>>): Refusal | undefined {
  if (form['resource'] !== undefined)
    return aadsts(901_002, 'invalid_request', "The 'resource' request parameter is not supported.")
  const scopes = (form['scope'] ?? '').split(' ').filter(Boolean)
  const unknown = scopes.find((scope) => !known.has(scope) && !isOfApi(scope))
  if (unknown !== undefined)
    return aadsts(
      70_011,
      'invalid_scope',
      `The provided request must include a 'scope' input parameter. The scope ${unknown} is not valid.`,
    )
  return undefined
}

function habits(withSid: boolean): Habits {
  const pairwise = ({ login: { person }, client }: Granted) =>
    createHash('sha256').update(`${person.id} ${client.id}`).digest('base64url')
  const common = (granted: Granted, { issuer }: Place) => ({
    iss: issuer,
    sub: pairwise(granted),
    oid: granted.login.person.id,
    tid: tenant,
    ver: '2.0',
    uti: randomUUID(),
    rh: '0.AAAA',
    ...groupsOf(granted.login.person),
  })
  return {
    paths: {
      issuer: `${base}/v2.0`,
      metadata: [`${base}/v2.0/.well-known/openid-configuration`],
      authorize: `${base}/oauth2/v2.0/authorize`,
      token: `${base}/oauth2/v2.0/token`,
      keys: `${base}/discovery/v2.0/keys`,
    },
    sessionCookie: 'ESTSAUTHPERSISTENT',
    loginFields: { username: 'loginfmt', password: 'passwd' },
    metadata,
    refuse,
    idToken: (granted, place) => ({
      ...common(granted, place),
      name: granted.login.person.name,
      preferred_username: granted.login.person.username,
      ...(withSid ? { sid: granted.login.sid } : {}),
    }),
    accessToken(granted, place) {
      const forApi = granted.scope.some(isOfApi)
      const claims = {
        ...common(granted, place),
        azp: granted.client.id,
        azpacr: '1',
        name: granted.login.person.name,
      }
      // What is for Graph nobody else can verify: the nonce in its header is hashed before it is signed.
      if (!forApi)
        return { claims: { ...claims, aud: graph, scp: 'openid profile' }, header: { nonce: randomUUID() } }
      return { claims: { ...claims, aud: granted.client.id, scp: 'access' } }
    },
    // Not single use: each works until it ends.
    leeway: Number.POSITIVE_INFINITY,
    refusals: {
      code: aadsts(54_005, 'invalid_grant', 'OAuth2 Authorization code was already redeemed.'),
      client: aadsts(7_000_215, 'invalid_client', 'Invalid client secret provided.'),
      disabled: aadsts(50_057, 'invalid_grant', 'The user account is disabled.'),
      grant: aadsts(70_003, 'unsupported_grant_type', 'The app requested an unsupported grant type.'),
      login: aadsts(50_058, 'login_required', 'A silent sign-in request was sent but no user is signed in.'),
      refresh: aadsts(700_082, 'invalid_grant', 'The refresh token has expired due to inactivity.', {
        suberror: 'bad_token',
      }),
    },
    errorBody,
  }
}

/** More than 200 groups do not fit: a token then says where to ask for them instead. */
function groupsOf({ id, groups }: StubPerson): Record<string, unknown> {
  if (groups.length <= 200) return groups.length === 0 ? {} : { groups }
  const endpoint = `https://graph.windows.net/${tenant}/users/${id}/getMemberObjects`
  return { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint } } }
}

/** As it is published: nothing of PKCE, though it is done, and no `iss` in the answer. */
function metadata({ issuer, origin }: Place): Record<string, unknown> {
  const at = (path: string) => `${origin}${base}${path}`
  return {
    token_endpoint: at('/oauth2/v2.0/token'),
    token_endpoint_auth_methods_supported: [
      'client_secret_post',
      'private_key_jwt',
      'client_secret_basic',
      'self_signed_tls_client_auth',
    ],
    jwks_uri: at('/discovery/v2.0/keys'),
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer,
    request_uri_parameter_supported: false,
    userinfo_endpoint: 'https://graph.microsoft.com/oidc/userinfo',
    authorization_endpoint: at('/oauth2/v2.0/authorize'),
    device_authorization_endpoint: at('/oauth2/v2.0/devicecode'),
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: at('/oauth2/v2.0/logout'),
    claims_supported: [
      'sub',
      'iss',
      'cloud_instance_name',
      'aud',
      'exp',
      'iat',
      'auth_time',
      'acr',
      'nonce',
      'preferred_username',
      'name',
      'tid',
      'ver',
    ],
    tenant_region_scope: 'EU',
    cloud_instance_name: 'microsoftonline.com',
  }
}

function aadsts(code: number, error: string, says: string, more: Record<string, unknown> = {}): Refusal {
  return {
    error,
    code,
    more,
    description: `AADSTS${code}: ${says} Trace ID: ${randomUUID()} Correlation ID: ${randomUUID()} Timestamp: 2026-11-21 10:00:00Z`,
  }
}

/** Conditional Access asks for more: the claims have to go with the next sign-in. */
export const entraInteraction: Refusal = aadsts(
  50_076,
  'interaction_required',
  'Due to a configuration change made by your administrator, you must use multi-factor authentication.',
  { suberror: 'basic_action', claims: '{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}' },
)

function errorBody({ error, description, code, more }: Refusal): Record<string, unknown> {
  return {
    error,
    error_description: description,
    error_codes: [code],
    timestamp: '2026-11-21 10:00:00Z',
    trace_id: randomUUID(),
    correlation_id: randomUUID(),
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    ...more,
  }
}
