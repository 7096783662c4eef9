import { epoch, SallyportError, seconds } from '../../src/model/index.ts'
import {
  accountsPage,
  type AccountsView,
  type AccountView,
  type ClientView,
  connectedPage,
  type ConnectedView,
  connectPage,
  connectSecretPage,
  type ConnectSecretView,
  type ConnectView,
  consentPage,
  type ConsentView,
  devSignInPage,
  type DevSignInView,
  errorPage,
  type FormView,
  handOverPage,
  type HandOverView,
  messagePage,
  type MessageView,
  type Page,
  type ScopeView,
  type ServerView,
  type ServiceView,
  signInPage,
  type SignInView,
} from '../../src/pages/index.ts'

/** Every page as people would see it, in the variants that look different. `say` may put something else in any text. */
export function everyPage(say: (text: string) => string = (text) => text): Readonly<Record<string, Page>> {
  const claude = {
    verified: say('Claude'),
    says: say('Claude'),
    returnsTo: 'https://claude.ai/api/mcp/auth_callback',
  } satisfies ClientView
  const unknown = { says: say('Claude'), returnsTo: 'https://claude.example.net/cb' } satisfies ClientView
  const cursor = {
    verified: say('Cursor'),
    says: say('Cursor IDE'),
    returnsTo: 'cursor://anysphere.cursor-retrieval/oauth/callback',
  } satisfies ClientView
  const nameless = { returnsTo: 'http://127.0.0.1:33418/' } satisfies ClientView
  const person = say('Alice Example')
  const server: ServerView = { name: say('crm'), resource: say('https://mcp.acme.example/crm') }
  const github: ServiceView = { downstream: say('github'), title: say('GitHub') }
  const form: FormView = { action: '/done', hidden: { csrf: say('c5Rf-token'), ticket: say('t-1234') } }
  const scopes: readonly ScopeView[] = [
    { name: say('repo'), sentence: say('Read and change your repositories, private ones too.') },
    { name: say('read:org') },
  ]
  const asked = { person, client: claude, server, service: github, form }
  const signIn: SignInView = {
    client: claude,
    server,
    idpHost: say('idp.acme.example'),
    continueAt: '/login?t=1',
  }
  const dev: DevSignInView = {
    people: [
      { name: say('alice'), groups: [say('crm-users'), say('finance')] },
      { name: say('bob'), groups: [] },
      { name: say('admin'), groups: [say('admins')] },
    ],
    form,
  }
  const lasts = { longest: seconds(7 * 86_400), idle: seconds(12 * 3600) }
  const consent: ConsentView = {
    person,
    client: claude,
    server,
    scopes: [],
    lasts,
    form,
  }
  const connect: ConnectView = { ...asked, host: say('github.com'), scopes }
  const secret: ConnectSecretView = {
    ...asked,
    service: { downstream: say('legacy'), title: say('Legacy orders') },
    help: say('You find it at legacy.acme.example under Settings, API keys.'),
  }
  const connected: ConnectedView = {
    service: github,
    account: say('octocat'),
    client: claude,
    accountsAt: '/accounts',
  }
  const account: AccountView = {
    service: github,
    account: say('octocat'),
    servers: [say('crm'), say('code')],
    scopes,
    since: epoch(1_763_000_000),
    lastUsed: epoch(1_763_800_000),
    disconnect: form,
  }
  const accounts: AccountsView = {
    person,
    accounts: [
      account,
      {
        ...account,
        account: say('octo-work'),
        label: say('work'),
        scopes: [],
        reconnectAt: '/connect/github',
      },
      { service: secret.service, servers: [], scopes: [], since: account.since, disconnect: form },
    ],
    notice: say('Slack is disconnected.'),
  }
  const message: MessageView = {
    heading: say('You may not use crm'),
    code: say('policy_denied'),
    sentence: say('None of the rules of this server allows it to you.'),
    next: say('Ask the owner of crm, and name the code below.'),
    link: { at: '/accounts', text: say('Your linked accounts') },
    requestId: say('r-7f3a91c2'),
  }
  const handOver: HandOverView = {
    client: cursor,
    to: 'cursor://anysphere.cursor-retrieval/oauth/callback?code=1&state=2',
  }
  const problem = say('Another account has this name already.')
  return {
    'sign-in': signInPage(signIn),
    'sign-in-unverified': signInPage({ ...signIn, client: unknown }),
    'dev-sign-in': devSignInPage(dev),
    consent: consentPage(consent),
    'consent-unverified': consentPage({
      ...consent,
      client: unknown,
      scopes,
    }),
    'consent-nameless': consentPage({ ...consent, client: nameless }),
    'consent-app': consentPage({ ...consent, client: cursor }),
    connect: connectPage(connect),
    'connect-unverified': connectPage({ ...connect, client: unknown }),
    'connect-alone': connectPage({ person, server, service: github, form, host: connect.host, scopes: [] }),
    'connect-second': connectPage({
      ...connect,
      account: say('octocat'),
      label: { taken: [say('home')], value: say('home'), problem },
    }),
    'connect-secret': connectSecretPage(secret),
    'connect-secret-refused': connectSecretPage({
      ...secret,
      problem: say('Legacy orders does not take this key.'),
    }),
    connected: connectedPage(connected),
    'connected-second': connectedPage({ ...connected, label: say('work') }),
    accounts: accountsPage(accounts),
    'accounts-none': accountsPage({ person, accounts: [] }),
    message: messagePage(message),
    error: errorPage(new SallyportError('subject_expired'), say('r-7f3a91c2')),
    'hand-over': handOverPage(handOver),
  }
}
