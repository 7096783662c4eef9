import { accountOf, isText, type Provider } from './provider.ts'

const help = 'https://help.salesforce.com/s/articleView?id=xcloud'

export const salesforce: Provider = {
  name: 'salesforce',
  title: 'Salesforce',
  issuer: 'https://login.salesforce.com',
  endpoints: (issuer) => ({
    authorization: `${issuer}/services/oauth2/authorize`,
    token: `${issuer}/services/oauth2/token`,
    revocation: `${issuer}/services/oauth2/revoke`,
  }),
  authentication: 'post',
  pkce: true,
  authorize: {},
  scopes: {
    parameter: 'scope',
    separator: ' ',
    always: ['refresh_token'],
    asAsked: (granted) => (granted === 'offline_access' ? 'refresh_token' : granted),
    sentences: {
      api: 'Read and change what you can in Salesforce by its API',
      refresh_token: 'Do this while you are away',
      id: 'Know which account it is',
      chatter_api: 'Read and write Chatter in your name',
      full: 'Everything that you can do in Salesforce',
      wave_api: 'Use analytics by its API',
    },
  },
  // The answer names the account as a URL: …/id/{organization}/{user}.
  accountIn: ({ id }) => {
    const [, organization, user] = /\/id\/(\w{15,18})\/(\w{15,18})$/.exec(isText(id) ? id : '') ?? []
    return organization === undefined || user === undefined
      ? undefined
      : accountOf(`${organization}/${user}`, user)
  },
  revocation: { kind: 'standard' },
  remains: 'Nothing: revoking the refresh token ends the access tokens that came from it too.',
  refresh:
    'As the administrator of the connected app has set it: until revoked, some time without use, or good once where rotation is on.',
  facts: [
    {
      says: 'Endpoints at login, My Domain and sandbox hosts',
      source: `${help}.remoteaccess_oauth_endpoints.htm`,
    },
    { says: 'PKCE is supported', source: `${help}.remoteaccess_pkce.htm` },
    {
      says: 'Revoking a refresh token revokes the access tokens with it; 200, or 400 with invalid_token or unsupported_token_type',
      source: `${help}.remoteaccess_revoke_token.htm`,
    },
    {
      says: 'With refresh token rotation a refresh token is good once',
      source: 'https://help.salesforce.com/apex/HTViewHelpDoc?id=remoteaccess_oauth_refresh_token_flow.htm',
    },
    {
      says: 'The token answer has `id`, the identity URL, and says nothing of how long the token lives',
      source: `${help}.remoteaccess_oauth_web_server_flow.htm`,
    },
  ],
}
