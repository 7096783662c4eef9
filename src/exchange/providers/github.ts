import { type Account, accountOf, isText, type Json, type Provider } from './provider.ts'

const docs = 'https://docs.github.com/en'
const oauthDocs = `${docs}/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps`
const refreshDocs = `${docs}/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens`
const grantDocs = `${docs}/rest/apps/oauth-applications`
const revokeDocs = `${docs}/rest/credentials/revoke`

const accept = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' }

/** The REST API: of its own host at github.com, below the installation elsewhere. */
export function githubApi(issuer: string): string {
  return issuer === 'https://github.com' ? 'https://api.github.com' : `${issuer}/api/v3`
}

/** Its errors come with status 200 and in words of its own. */
const errors: Readonly<Record<string, string>> = {
  bad_refresh_token: 'invalid_grant',
  bad_verification_code: 'invalid_grant',
  incorrect_client_credentials: 'invalid_client',
  redirect_uri_mismatch: 'invalid_request',
}

function answer(body: Json): Json {
  const { error } = body
  return isText(error) ? { ...body, error: errors[error] ?? error } : body
}

const account = (body: Json): Account | undefined => accountOf(body['id'], body['login'])

/** OAuth apps, and GitHub Apps in the name of a person: the same endpoints, other tokens. */
export const github: Provider = {
  name: 'github',
  title: 'GitHub',
  issuer: 'https://github.com',
  url: 'https://api.github.com',
  endpoints: (issuer) => ({
    authorization: `${issuer}/login/oauth/authorize`,
    token: `${issuer}/login/oauth/access_token`,
    account: `${githubApi(issuer)}/user`,
  }),
  authentication: 'post',
  pkce: true,
  authorize: {},
  scopes: {
    parameter: 'scope',
    separator: ',',
    always: [],
    sentences: {
      repo: 'Read and change all your repositories, private ones too',
      public_repo: 'Read and change your public repositories',
      'repo:status': 'Read and set the status of commits',
      'read:org': 'Read your organizations, teams and memberships',
      'read:user': 'Read your profile',
      'user:email': 'Read your e-mail addresses',
      user: 'Read and change your profile',
      gist: 'Write gists',
      notifications: 'Read your notifications and mark them as read',
      workflow: 'Change workflows of GitHub Actions',
      'read:project': 'Read your projects',
      project: 'Read and change your projects',
      'read:packages': 'Download packages',
      'write:packages': 'Upload packages',
      delete_repo: 'Delete repositories',
      'admin:org': 'Manage your organizations and their teams',
      'write:discussion': 'Read and write team discussions',
    },
  },
  answer,
  accountAt: { headers: accept, read: account },
  revocation: {
    kind: 'call',
    // The grant of a GitHub App is known by a living access token alone; its refresh token has a way of its own.
    call: ({ at, rt, exp }, { issuer, clientId, now }) => {
      const api = githubApi(issuer)
      const place = `${api}/applications/${encodeURIComponent(clientId)}`
      if (at !== undefined && (exp === undefined || exp > now)) {
        const url = rt === undefined ? `${place}/token` : `${place}/grant`
        return { method: 'DELETE', url, authorization: 'client', headers: accept, json: { access_token: at } }
      }
      if (rt === undefined || issuer !== 'https://github.com') return undefined
      return {
        method: 'POST',
        url: `${api}/credentials/revoke`,
        headers: accept,
        json: { credentials: [rt] },
      }
    },
    read: (status) => {
      if (status === 204 || status === 202) return 'revoked'
      return status === 404 || status === 422 ? 'already_invalid' : 'failed'
    },
  },
  remains:
    'With an OAuth app, your authorization of it stays listed in your GitHub settings, without a token. With a GitHub App all its tokens of yours end, those of other servers too.',
  refresh:
    'OAuth app: none, the token does not end by itself. GitHub App: 6 months, good once; the former access token, of 8 hours, ends with it.',
  facts: [
    {
      says: 'Authorization and token endpoints; errors come in the body of a 200; JSON on request',
      source: oauthDocs,
    },
    {
      says: 'PKCE with S256 for OAuth apps and GitHub Apps; not demanded',
      source: 'https://github.blog/changelog/2025-07-14-pkce-support-for-oauth-and-github-app-authentication',
    },
    {
      says: 'The scopes granted may be fewer than asked for, and are separated by commas',
      source: oauthDocs,
    },
    {
      says: 'User access tokens of GitHub Apps: 8 hours; refresh token 6 months; once it is used, it and the old access token no longer work',
      source: refreshDocs,
    },
    {
      says: 'DELETE /applications/{client_id}/token ends one token; …/grant ends all of the application for the user, and it is no longer listed; both want Basic with client id and secret, and a valid access token',
      source: grantDocs,
    },
    {
      says: 'POST /credentials/revoke ends access and refresh tokens of apps, unauthenticated, 60 requests an hour; the owner is notified; not on Enterprise Server',
      source: revokeDocs,
    },
    { says: '404 or 422 for a token that is not known any more', source: grantDocs, unconfirmed: true },
    {
      says: 'No metadata document, no `iss` in the authorization response',
      source: oauthDocs,
      unconfirmed: true,
    },
  ],
}
