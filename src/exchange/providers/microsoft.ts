import { entraScope } from './entra-scopes.ts'
import { accountOf, type Provider } from './provider.ts'

const docs = 'https://learn.microsoft.com/en-us/entra/identity-platform'
const codeFlow = `${docs}/v2-oauth2-auth-code-flow`

/** Of one tenant: any other one could be anybody's. */
export const microsoft: Provider = {
  name: 'microsoft',
  title: 'Microsoft',
  url: 'https://graph.microsoft.com',
  endpoints: (issuer) => {
    const tenant = issuer.replace(/\/v2\.0$/, '')
    return {
      authorization: `${tenant}/oauth2/v2.0/authorize`,
      token: `${tenant}/oauth2/v2.0/token`,
    }
  },
  authentication: 'post',
  pkce: true,
  authorize: { prompt: 'select_account' },
  scopes: {
    parameter: 'scope',
    separator: ' ',
    always: ['openid', 'profile', 'offline_access'],
    asAsked: entraScope,
    sentences: {
      openid: 'Know which account it is',
      profile: 'Know your name',
      email: 'Know your e-mail address',
      offline_access: 'Do this while you are away',
      'User.Read': 'Read your profile',
      'Mail.Read': 'Read your mail',
      'Mail.ReadWrite': 'Read, change and delete your mail',
      'Mail.Send': 'Send mail in your name',
      'Calendars.Read': 'Read your calendars',
      'Calendars.ReadWrite': 'Read and change your calendars',
      'Files.Read': 'Read your files',
      'Files.ReadWrite': 'Read and change your files',
      'Files.Read.All': 'Read all files that you can read',
      'Sites.Read.All': 'Read all SharePoint sites that you can read',
      'Chat.Read': 'Read your chats',
      'Contacts.Read': 'Read your contacts',
      'Tasks.ReadWrite': 'Read and change your tasks',
    },
  },
  accountIn: (_body, idToken) =>
    accountOf(idToken?.['oid'] ?? idToken?.['sub'], idToken?.['preferred_username']),
  revocation: { kind: 'none' },
  remains:
    'Microsoft cannot end one app’s access on request: the access token works until it ends (about an hour), and the refresh token, which sallyport has destroyed, would for up to 90 days. You can remove the app at myapps.microsoft.com.',
  refresh: 'Up to 90 days; a new one comes with each use, and the former stays good.',
  facts: [
    { says: 'Endpoints, PKCE, offline_access', source: codeFlow },
    {
      says: 'Each use of a refresh token gives a new one; the old one is not revoked by it',
      source: `${docs}/refresh-tokens`,
    },
    { says: 'Refresh tokens live 90 days, 24 hours for single-page apps', source: `${docs}/refresh-tokens` },
    {
      says: 'There is no RFC 7009 endpoint; revokeSignInSessions ends all sessions and refresh tokens of the user, in all apps',
      source: 'https://learn.microsoft.com/graph/api/user-revokesigninsessions',
    },
    { says: '`resource` is refused by the v2.0 endpoint', source: codeFlow, unconfirmed: true },
  ],
}
