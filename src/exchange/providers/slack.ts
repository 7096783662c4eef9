import { accountOf, isObject, isText, type Json, type Provider } from './provider.ts'

const docs = 'https://docs.slack.dev'
const installing = `${docs}/authentication/installing-with-oauth`
const rotation = `${docs}/authentication/using-token-rotation`

/** Its errors come with status 200 and in words of its own. */
const errors: Readonly<Record<string, string>> = {
  invalid_refresh_token: 'invalid_grant',
  token_expired: 'invalid_grant',
  token_revoked: 'invalid_grant',
  invalid_code: 'invalid_grant',
  code_already_used: 'invalid_grant',
  bad_client_secret: 'invalid_client',
  invalid_client_id: 'invalid_client',
  invalid_scope: 'invalid_scope',
  ratelimited: 'temporarily_unavailable',
  internal_error: 'temporarily_unavailable',
  service_unavailable: 'temporarily_unavailable',
}

/** The person's token lies beside the one of the bot, which is not taken; a refreshed one stands at the top. */
function answer(body: Json): Json {
  const { ok, error } = body
  if (ok === false) {
    return { ...body, error: isText(error) ? (errors[error] ?? 'invalid_request') : 'invalid_request' }
  }
  const user = body['authed_user']
  const { access_token, token_type, expires_in, refresh_token, scope } =
    isObject(user) && isText(user['access_token']) ? user : body
  // A bot is nobody's account.
  const type = token_type === 'user' ? 'bearer' : token_type
  return { ...body, access_token, token_type: type, expires_in, refresh_token, scope }
}

export const slack: Provider = {
  name: 'slack',
  title: 'Slack',
  issuer: 'https://slack.com',
  url: 'https://slack.com/api',
  endpoints: () => ({
    authorization: 'https://slack.com/oauth/v2/authorize',
    token: 'https://slack.com/api/oauth.v2.access',
    account: 'https://slack.com/api/auth.test',
  }),
  authentication: 'basic',
  // Turning it on makes an app a public client for good, and its refresh tokens end after 30 days.
  pkce: false,
  authorize: {},
  scopes: {
    parameter: 'user_scope',
    separator: ',',
    always: [],
    sentences: {
      'channels:read': 'See which public channels there are',
      'channels:history': 'Read messages in public channels',
      'groups:history': 'Read messages in private channels that you are in',
      'im:history': 'Read your direct messages',
      'chat:write': 'Write messages in your name',
      'search:read': 'Search what you can see',
      'users:read': 'See who is in the workspace',
      'users:read.email': 'See the e-mail addresses of people in the workspace',
      'files:read': 'Read files that you can see',
      'files:write': 'Upload and change files',
      'reactions:write': 'Add reactions in your name',
    },
  },
  answer,
  accountAt: {
    read: (body) => {
      if (body['ok'] !== true) return undefined
      const { team_id: team, user_id: user, user: name, team: place } = body
      if (!isText(team) || !isText(user)) return undefined
      return accountOf(`${team}/${user}`, isText(name) && isText(place) ? `${name} (${place})` : name)
    },
  },
  revocation: {
    kind: 'call',
    call: ({ at, exp }, { now }) =>
      at === undefined || (exp !== undefined && exp <= now)
        ? undefined
        : { method: 'POST', url: 'https://slack.com/api/auth.revoke', authorization: at },
    read: (status, body) => {
      if (body?.['ok'] === true) return 'revoked'
      const known = ['invalid_auth', 'token_revoked', 'token_expired', 'account_inactive', 'not_authed']
      const { error } = body ?? {}
      return status < 500 && isText(error) && known.includes(error) ? 'already_invalid' : 'failed'
    },
  },
  remains:
    'The app stays installed in the workspace. Slack ends access tokens only: one that has ended cannot be used to revoke anything, and its refresh token, which sallyport has destroyed, stays good there.',
  refresh:
    'With token rotation: access tokens of 12 hours, refresh tokens good once. Without: a token that does not end.',
  facts: [
    {
      says: 'Endpoints; `user_scope` asks for a token of the person, which comes in `authed_user`',
      source: installing,
    },
    {
      says: 'Token rotation: 12 hours; the former refresh token is revoked with its use',
      source: rotation,
    },
    {
      says: 'PKCE can be turned on for an app, which makes it a public client for good; refresh tokens then end after 30 days',
      source: `${docs}/authentication/using-pkce`,
    },
    {
      says: 'auth.revoke ends the token that it is called with',
      source: `${docs}/reference/methods/auth.revoke`,
    },
    { says: 'auth.test names user and workspace', source: `${docs}/reference/methods/auth.test` },
    {
      says: 'auth.revoke leaves the refresh token good',
      source: rotation,
      unconfirmed: true,
    },
    {
      says: 'A refreshed token of a person stands at the top of the answer, with token_type user',
      source: 'https://docs.slack.dev/tools/python-slack-sdk/reference/oauth/token_rotation/rotator.html',
    },
  ],
}
