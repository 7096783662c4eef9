import { accountOf, type Provider } from './provider.ts'

const docs = 'https://developers.google.com/identity'
const webServer = `${docs}/protocols/oauth2/web-server`
const scopesAt = 'https://www.googleapis.com/auth/'

/** Its own names of the scopes of OpenID Connect. */
const aliases: Readonly<Record<string, string>> = {
  [`${scopesAt}userinfo.email`]: 'email',
  [`${scopesAt}userinfo.profile`]: 'profile',
}

export const google: Provider = {
  name: 'google',
  title: 'Google',
  issuer: 'https://accounts.google.com',
  url: 'https://www.googleapis.com',
  endpoints: () => ({
    authorization: 'https://accounts.google.com/o/oauth2/v2/auth',
    token: 'https://oauth2.googleapis.com/token',
    revocation: 'https://oauth2.googleapis.com/revoke',
  }),
  authentication: 'post',
  pkce: true,
  // Without both, a second consent gives no refresh token.
  authorize: { access_type: 'offline', prompt: 'consent select_account' },
  scopes: {
    parameter: 'scope',
    separator: ' ',
    always: ['openid', 'email'],
    asAsked: (granted) => aliases[granted] ?? granted,
    sentences: {
      openid: 'Know which Google account it is',
      email: 'Know its e-mail address',
      profile: 'Know your name and picture',
      [`${scopesAt}drive.readonly`]: 'Read all your files in Drive',
      [`${scopesAt}drive.file`]: 'Read and change the files in Drive that it opened or made',
      [`${scopesAt}drive`]: 'Read and change all your files in Drive',
      [`${scopesAt}calendar.readonly`]: 'Read your calendars',
      [`${scopesAt}calendar.events`]: 'Read and change events in your calendars',
      [`${scopesAt}calendar`]: 'Read and change your calendars',
      [`${scopesAt}gmail.readonly`]: 'Read your mail',
      [`${scopesAt}gmail.send`]: 'Send mail in your name',
      [`${scopesAt}gmail.modify`]: 'Read, send and delete mail',
      [`${scopesAt}spreadsheets`]: 'Read and change your spreadsheets',
      [`${scopesAt}spreadsheets.readonly`]: 'Read your spreadsheets',
      [`${scopesAt}documents`]: 'Read and change your documents',
      [`${scopesAt}contacts.readonly`]: 'Read your contacts',
    },
  },
  accountIn: (_body, idToken) => accountOf(idToken?.['sub'], idToken?.['email']),
  revocation: { kind: 'standard' },
  remains: 'All access of this app to your Google account ends, that of other servers too.',
  refresh: 'Good until it is revoked or 6 months without use; not replaced when it is used.',
  facts: [
    { says: 'Endpoints, PKCE and parameters', source: webServer },
    {
      says: 'A refresh token comes with access_type=offline, and again only with prompt=consent',
      source: webServer,
    },
    {
      says: 'Revoking a token ends the grant with its refresh token; it may take a while until all of it takes effect',
      source: `${webServer}#tokenrevoke`,
    },
    {
      says: 'Refresh tokens end when revoked, after 6 months without use, with a password change for Gmail scopes, beyond 100 for each account and client, and after 7 days while the app is in testing',
      source: `${docs}/protocols/oauth2#expiration`,
    },
    { says: 'The scopes email and profile are granted as URLs', source: `${docs}/protocols/oauth2/scopes` },
  ],
}
