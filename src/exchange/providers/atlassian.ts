import { accountOf, type Provider } from './provider.ts'

const docs = 'https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/'
const forum = 'https://community.developer.atlassian.com/t'

export const atlassian: Provider = {
  name: 'atlassian',
  title: 'Atlassian',
  issuer: 'https://auth.atlassian.com',
  url: 'https://api.atlassian.com',
  endpoints: () => ({
    authorization: 'https://auth.atlassian.com/authorize',
    token: 'https://auth.atlassian.com/oauth/token',
    account: 'https://api.atlassian.com/me',
  }),
  authentication: 'post',
  pkce: true,
  authorize: { audience: 'api.atlassian.com', prompt: 'consent' },
  scopes: {
    parameter: 'scope',
    separator: ' ',
    always: ['read:me', 'offline_access'],
    sentences: {
      'read:me': 'Know which account it is',
      offline_access: 'Do this while you are away',
      'read:jira-work': 'Read Jira projects and issues',
      'write:jira-work': 'Create and change Jira issues',
      'read:jira-user': 'See people in Jira',
      'manage:jira-project': 'Change settings of Jira projects',
      'read:confluence-content.all': 'Read Confluence pages',
      'read:confluence-content.summary': 'Read summaries of Confluence pages',
      'write:confluence-content': 'Create and change Confluence pages',
      'search:confluence': 'Search Confluence',
    },
  },
  accountAt: { read: (body) => accountOf(body['account_id'], body['email'] ?? body['name']) },
  revocation: { kind: 'none' },
  remains:
    'Atlassian offers apps no way to end an authorization: the access token works until it ends (an hour), and the refresh token, which sallyport has destroyed, would for 90 days. You can remove the app at id.atlassian.com, under connected apps.',
  refresh:
    'Good once, with 10 minutes of leeway; 90 days without use, 365 days at most. The access token made with it ends when it is replaced.',
  facts: [
    { says: 'Endpoints, audience, prompt, offline_access, read:me', source: docs },
    {
      says: 'Refresh tokens rotate: leeway 10 minutes, 90 days without use, 365 days at most; a late reuse ends all of them',
      source: `${forum}/updated-31-january-2022-action-required-deprecating-persistent-refresh-tokens/54172`,
    },
    {
      says: 'The access token that came with a refresh token is revoked with it',
      source: `${forum}/the-old-access-token-will-be-revoked-during-the-refresh-token-exchange/83103`,
    },
    { says: 'No revocation call for 3LO apps is documented', source: docs, unconfirmed: true },
    {
      says: 'The token endpoint takes forms as well as JSON, and ignores or takes PKCE',
      source: docs,
      unconfirmed: true,
    },
  ],
}
