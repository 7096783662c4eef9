/** Okta with a custom authorization server, as far as a sign-in meets its ways. */
import { randomUUID } from 'node:crypto'
import {
  type Form,
  type Granted,
  type Habits,
  type Place,
  type Refusal,
  type Running,
  startProvider,
  type StubClient,
  type StubIdp,
  type StubOptions,
  type StubPerson,
} from './provider.ts'

const base = '/oauth2/default'
/** Of every access token, whatever is asked for. */
export const oktaAudience = 'api://default'

const oktaPeople: readonly StubPerson[] = [
  {
    username: 'alice@acme.example',
    password: 'alice-password',
    id: '00u1a2b3c4d5e6f7g8h9',
    name: 'Alice Archer',
    groups: ['Everyone', 'crm-users'],
  },
  {
    username: 'bob@acme.example',
    password: 'bob-password',
    id: '00u9h8g7f6e5d4c3b2a1',
    name: 'Bob Baker',
    groups: ['Everyone'],
  },
]

export interface OktaOptions extends Partial<StubOptions> {
  /** `resource` (RFC 8707) is passed over; some organisations' servers refuse what they do not know. */
  readonly resource?: 'ignored' | 'refused'
  /** How long a rotated refresh token still works, in seconds. */
  readonly leeway?: number
}

export function startOkta({
  resource = 'ignored',
  leeway = 30,
  ...options
}: OktaOptions = {}): Promise<StubIdp> {
  return startProvider(habits(resource, leeway), { people: oktaPeople, ...options })
}

const scopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'device_sso', 'groups']

function habits(resource: 'ignored' | 'refused', leeway: number): Habits {
  return {
    paths: {
      issuer: base,
      // Both below the issuer, which for RFC 8414 is the wrong side of the path.
      metadata: [
        `${base}/.well-known/openid-configuration`,
        `${base}/.well-known/oauth-authorization-server`,
      ],
      authorize: `${base}/v1/authorize`,
      token: `${base}/v1/token`,
      keys: `${base}/v1/keys`,
    },
    sessionCookie: 'idx',
    loginFields: { username: 'identifier', password: 'credentials.passcode' },
    metadata,
    refuse(form) {
      if (resource === 'refused' && form['resource'] !== undefined)
        return { error: 'invalid_request', description: "The 'resource' parameter is not supported." }
      const unknown = (form['scope'] ?? '')
        .split(' ')
        .find((scope) => scope !== '' && !scopes.includes(scope))
      return unknown === undefined
        ? undefined
        : {
            error: 'invalid_scope',
            description: 'One or more scopes are not configured for the authorization server resource.',
          }
    },
    idToken: ({ login: { person, at }, scope }) => ({
      ver: 1,
      sub: person.id,
      jti: `ID.${randomUUID()}`,
      amr: ['pwd'],
      idp: '00oacmeacmeacme',
      auth_time: at,
      ...(scope.includes('profile') ? { name: person.name, preferred_username: person.username } : {}),
      ...(scope.includes('groups') ? { groups: person.groups } : {}),
    }),
    // `sub` is the login here and the id in the ID token: who is who says `uid`.
    accessToken: ({ login: { person, at }, client, scope }: Granted, { issuer }: Place) => ({
      claims: {
        ver: 1,
        jti: `AT.${randomUUID()}`,
        iss: issuer,
        aud: oktaAudience,
        cid: client.id,
        uid: person.id,
        scp: scope,
        auth_time: at,
        sub: person.username,
      },
      header: { typ: undefined },
    }),
    leeway,
    refusals: {
      code: { error: 'invalid_grant', description: 'The authorization code is invalid or has expired.' },
      client: {
        error: 'invalid_client',
        description: 'The client secret supplied for a confidential client is invalid.',
      },
      disabled: { error: 'invalid_grant', description: 'The refresh token is invalid or expired.' },
      grant: {
        error: 'unsupported_grant_type',
        description: 'The authorization grant type is not supported by the authorization server.',
      },
      login: {
        error: 'login_required',
        description: 'The client specified not to prompt, but the user is not logged in.',
      },
      refresh: { error: 'invalid_grant', description: 'The refresh token is invalid or expired.' },
    },
    grants: { 'urn:ietf:params:oauth:grant-type:token-exchange': crossAppAccess },
    errorBody: ({ error, description }: Refusal) => ({ error, error_description: description }),
  }
}

const tokenType = 'urn:ietf:params:oauth:token-type:'

/** Cross App Access: an application has its person's ID token exchanged for an ID-JAG, made for another's server. */
async function crossAppAccess(
  form: Form,
  client: StubClient,
  { keys, place, knobs, people }: Running,
): Promise<Record<string, unknown> | Refusal> {
  const subject = await keys.read(form['subject_token'] ?? '')
  const person = people.find(({ id }) => id === subject?.['sub'])
  const wanted =
    form['requested_token_type'] === `${tokenType}id-jag` &&
    form['subject_token_type'] === `${tokenType}id_token`
  if (
    !wanted ||
    subject?.['aud'] !== client.id ||
    person === undefined ||
    knobs.disabled.has(person.username)
  )
    return { error: 'invalid_grant', description: 'The subject token is invalid.' }
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    ...{ iss: place.issuer, sub: person.id, aud: form['audience'], jti: randomUUID(), iat, exp: iat + 300 },
    ...{ resource: form['resource'], client_id: client.id, scope: form['scope'], auth_time: subject['iat'] },
    ...{ email: person.username, groups: person.groups },
  }
  return {
    access_token: await keys.sign(claims, { typ: 'oauth-id-jag+jwt' }),
    issued_token_type: `${tokenType}id-jag`,
    token_type: 'N_A',
    expires_in: 300,
  }
}

/** PKCE is published, `iss` in the answer is not. */
function metadata({ issuer, origin }: Place): Record<string, unknown> {
  const at = (path: string) => `${origin}${base}${path}`
  return {
    issuer,
    authorization_endpoint: at('/v1/authorize'),
    token_endpoint: at('/v1/token'),
    userinfo_endpoint: at('/v1/userinfo'),
    registration_endpoint: `${origin}/oauth2/v1/clients`,
    jwks_uri: at('/v1/keys'),
    response_types_supported: [
      'code',
      'id_token',
      'code id_token',
      'code token',
      'id_token token',
      'code id_token token',
    ],
    response_modes_supported: ['query', 'fragment', 'form_post', 'okta_post_message'],
    grant_types_supported: [
      'authorization_code',
      'implicit',
      'refresh_token',
      'password',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: scopes,
    token_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'none',
    ],
    claims_supported: ['ver', 'jti', 'iss', 'aud', 'iat', 'exp', 'cid', 'uid', 'scp', 'sub'],
    code_challenge_methods_supported: ['S256'],
    identity_chaining_requested_token_types_supported: [`${tokenType}id-jag`],
    introspection_endpoint: at('/v1/introspect'),
    revocation_endpoint: at('/v1/revoke'),
    end_session_endpoint: at('/v1/logout'),
    request_parameter_supported: true,
    request_object_signing_alg_values_supported: ['HS256', 'RS256'],
  }
}
