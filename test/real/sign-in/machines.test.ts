/** Clients with nobody before a browser: workloads that show what they hold, and people whose company speaks for them. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
} from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose'
import * as openid from 'openid-client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../../kit/folder.ts'
import { runInspector } from '../../kit/inspector.ts'
import { freePort } from '../../kit/parts/process.ts'
import { parts } from '../../kit/parts.ts'
import { type ClientVersion, connect, type ConnectOptions } from '../../kit/sdk-clients.ts'
import { createBrowser, walk } from '../../kit/walk.ts'
import { flowDone, type Scene, startScene } from './scene.ts'

const { recipes, inspector } = parts()
const libraries = recipes?.node

async function callWith(
  scene: Scene,
  version: ClientVersion,
  provider: ConnectOptions['provider'],
): Promise<string> {
  const client = await connect(version, { url: scene.endpoint, provider, libraries })
  onTestFinished(() => client.close())
  expect(await client.tools()).toEqual(['read_order'])
  return (await client.call('read_order', {})).text
}

describe('a workload', () => {
  const grants = 'grants: [client_credentials]'

  it('signs in with a secret, by the SDK’s ClientCredentialsProvider', async (context) => {
    const scene = await startScene('Entra', {
      more: `clients: { nightly: { id: nightly, secret: file:nightly-secret, ${grants} } }`,
      files: { 'nightly-secret': 'the-secret-of-the-nightly-job-0123456789' },
      rule: 'client:nightly',
    })
    const clientSecret = 'the-secret-of-the-nightly-job-0123456789'
    const provider = new ClientCredentialsProvider({
      clientId: 'nightly',
      clientSecret,
      expectedIssuer: scene.url,
    })
    expect(await callWith(scene, 'v1', provider)).toMatch(/^200 /)
    flowDone(context, 'client credentials with a secret, SDK v1')
  })

  it('signs in with a key, by the SDK’s PrivateKeyJwtProvider', async (context) => {
    const { privateKey: pair, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'nightly-1', alg: 'ES256', use: 'sig' }]
    const scene = await startScene('Entra', {
      more: `clients: { nightly: { id: nightly, jwks: file:nightly-keys, ${grants} } }`,
      files: { 'nightly-keys': JSON.stringify({ keys }) },
      rule: 'client:nightly',
    })
    const privateKey = await exportPKCS8(pair)
    const provider = new PrivateKeyJwtProvider({
      ...{ clientId: 'nightly', privateKey, algorithm: 'ES256', expectedIssuer: scene.url },
    })
    expect(await callWith(scene, 'v1', provider)).toMatch(/^200 /)
    flowDone(context, 'client credentials with a key, SDK v1')
  })
})

const chat = {
  id: 'chat',
  secret: 'the-secret-of-the-chat-app-0123456789',
  redirectUris: ['http://127.0.0.1/callback', 'http://127.0.0.1/oauth/callback'],
}
const assertions = `clients: { chat: { id: chat, secret: file:chat-secret, grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"] } }`

interface CrossApp {
  readonly CrossAppAccessProvider: new (options: object) => object
  discoverAndRequestJwtAuthGrant(options: object): Promise<{ readonly jwtAuthGrant: string }>
}

/** The application's own sign-in at the company's provider, which it has made long before. */
async function idTokenOf(scene: Scene): Promise<string> {
  const { stub, alice } = scene.company
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- Marked so that nobody uses it by mistake; this is loopback.
  const execute = [openid.allowInsecureRequests]
  const app = await openid.discovery(new URL(stub!.issuer), chat.id, chat.secret, undefined, { execute })
  const redirect_uri = 'http://127.0.0.1:9/callback'
  const code_challenge_method = 'S256'
  const pkceCodeVerifier = openid.randomPKCECodeVerifier()
  const code_challenge = await openid.calculatePKCECodeChallenge(pkceCodeVerifier)
  const asked = { redirect_uri, scope: 'openid profile', code_challenge, code_challenge_method }
  const browser = createBrowser({ leaveAt: redirect_uri })
  const back = await walk(browser, openid.buildAuthorizationUrl(app, asked), { as: alice })
  return (await openid.authorizationCodeGrant(app, back, { pkceCodeVerifier })).id_token!
}

describe('an application of the company (enterprise-managed authorization)', () => {
  it.skipIf(libraries === undefined)(
    'shows an ID-JAG of Okta’s, by the SDK’s CrossAppAccessProvider',
    async (context) => {
      const scene = await startScene('Okta', {
        more: assertions,
        files: { 'chat-secret': chat.secret },
        others: [chat],
      })
      const sdk = createRequire(join(libraries!, 'package.json'))('@modelcontextprotocol/client') as CrossApp
      const idToken = await idTokenOf(scene)
      const provider = new sdk.CrossAppAccessProvider({
        ...{ clientId: chat.id, clientSecret: chat.secret, expectedIssuer: scene.url },
        assertion: async (asked: { authorizationServerUrl: string; resourceUrl: string; scope?: string }) => {
          const { authorizationServerUrl: audience, resourceUrl: resource, scope } = asked
          const { jwtAuthGrant } = await sdk.discoverAndRequestJwtAuthGrant({
            ...{ idpUrl: scene.company.stub!.issuer, audience, resource, idToken, scope },
            ...{ clientId: chat.id, clientSecret: chat.secret },
          })
          return jwtAuthGrant
        },
      })
      expect(await callWith(scene, 'v2', provider)).toMatch(/^200 /)
      flowDone(context, 'enterprise-managed authorization, SDK v2, Okta')
    },
  )

  it.skipIf(inspector === undefined)('is the MCP Inspector, from the command line', async (context) => {
    const scene = await startScene('Okta', {
      more: assertions,
      files: { 'chat-secret': chat.secret },
      others: [chat],
    })
    const folder = temporaryFolder()
    const idp = { issuer: scene.company.stub!.issuer, clientId: chat.id, clientSecret: chat.secret }
    writeFileSync(
      join(folder, 'client.json'),
      JSON.stringify({ enterpriseManagedAuth: { enabled: true, idp } }),
    )
    const oauth = { clientId: chat.id, clientSecret: chat.secret, enterpriseManaged: true }
    const crm = { type: 'streamable-http', url: scene.endpoint, oauth }
    writeFileSync(join(folder, 'servers.json'), JSON.stringify({ mcpServers: { crm } }))
    const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`
    const settings = [
      '--client-config',
      join(folder, 'client.json'),
      '--config',
      join(folder, 'servers.json'),
    ]
    const call = ['--method', 'tools/call', '--tool-name', 'read_order', '--format', 'json']
    const browser = createBrowser({ leaveAt: callback })
    const ended = await runInspector({
      ...{ inspector: inspector!, folder },
      args: [...settings, '--server', 'crm', ...call, '--callback-url', callback],
      visit: async (url) => fetch(await walk(browser, url, { as: scene.company.alice })),
    })
    expect(ended.out, ended.err).toContain('200 ')
    expect(browser.steps.map(({ url }) => url.origin)).not.toContain(scene.url)
    flowDone(context, 'enterprise-managed authorization, MCP Inspector, Okta')
  })
})
