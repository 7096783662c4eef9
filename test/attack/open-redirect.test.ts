import { describe, expect, it } from 'vitest'
import { alice, callback, postJson, startWorld } from '../signin/world.ts'

const registered = 'https://app.acme.example/cb'

/** Near misses of `https://app.acme.example/cb` and of a loopback one, and what a browser reads as another place. */
const misses = [
  'https://app.acme.example/cb/',
  'https://app.acme.example/CB',
  'https://App.acme.example/cb',
  'HTTPS://app.acme.example/cb',
  'http://app.acme.example/cb',
  'https://app.acme.example:443/cb',
  'https://app.acme.example:8443/cb',
  'https://app.acme.example./cb',
  'https://app.acme.example/cb?x=1',
  'https://app.acme.example/cb#x',
  'https://app.acme.example/cb%20',
  'https://app.acme.example/%63b',
  'https://app.acme.example/x/../cb',
  'https://app.acme.example//cb',
  'https://app.acme.example\\@evil.example/cb',
  'https://app.acme.example@evil.example/cb',
  'https://evil.example/https://app.acme.example/cb',
  'https://app.acme.example.evil.example/cb',
  'https:app.acme.example/cb',
  'https:/app.acme.example/cb',
  '//app.acme.example/cb',
  '\\\\evil.example',
  '/cb',
  'cb',
  'javascript:alert(1)',
  'data:text/html,x',
  'http://127.0.0.1:7099/other',
  'http://127.0.0.1:7099/callback/',
  'http://127.0.0.1:7099@evil.example/callback',
  'http://127.0.0.1.evil.example:7099/callback',
  'http://localhost:7099/callback',
  'http://127.1:7099/callback',
  'http://[::1]:7099/callback',
  'https://127.0.0.1:7099/callback',
  'http://127.0.0.1:port/callback',
  'http://127.0.0.1:123456/callback',
]
const broken = [
  'https://app.acme.example/cb\r\nlocation: https://evil.example',
  'https://app.acme.example/cb\0',
  '\thttps://evil.example',
]

const opened = () => startWorld({ more: 'sign_in: { registration: open }' })
const start = () =>
  startWorld({ more: `clients: { app: { id: app, redirects: ["${registered}", "${callback}"] } }` })

describe('A23 open redirect: a redirect URI that is almost one of the client’s', () => {
  it('is answered here, the same for each, to a person who has signed in and agreed as to any other', async () => {
    const world = await start()
    const browser = world.browser()
    await world.visit(browser, alice)
    const cookie = browser.jar.header(new URL(world.url), { crossSite: true, method: 'GET' })!
    for (const headers of [{}, { cookie }] as Record<string, string>[])
      for (const uri of [...misses, ...broken]) {
        const answer = await fetch(world.request('app', { redirect_uri: uri }), {
          redirect: 'manual',
          headers,
        })
        const said = await answer.text()
        expect([uri, answer.status, answer.headers.get('location')]).toEqual([uri, 400, null])
        expect([uri, /redirect_refused|request_malformed/.test(said), said.includes('evil')]).toEqual([
          uri,
          true,
          false,
        ])
      }
  })

  it('is answered here also where the request is wrong besides: no error leaves', async () => {
    const world = await start()
    for (const wrong of [
      { response_type: 'token' },
      { code_challenge: undefined },
      { resource: 'x' },
      { prompt: 'none' },
      { request_uri: 'x' },
    ]) {
      const answer = await fetch(world.request('app', { redirect_uri: misses[0], ...wrong }), {
        redirect: 'manual',
      })
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
    }
  })

  it('of loopback may have another port, and nothing else', async () => {
    const world = await start()
    const answer = await fetch(world.request('app', { redirect_uri: 'http://127.0.0.1:1/callback' }), {
      redirect: 'manual',
    })
    expect(answer.status).toBe(200)
  })

  it('keeps what stands in its query, and adds the answer behind it', async () => {
    const uri = 'https://app.acme.example/cb?tenant=1'
    const world = await startWorld({ more: `clients: { app: { id: app, redirects: ["${uri}"] } }` })
    const answer = await fetch(world.request('app', { redirect_uri: uri, prompt: 'none' }), {
      redirect: 'manual',
    })
    const to = new URL(answer.headers.get('location')!)
    expect([to.origin + to.pathname, to.searchParams.get('tenant'), to.searchParams.get('error')]).toEqual([
      'https://app.acme.example/cb',
      '1',
      'login_required',
    ])
  })

  it.each([
    ...broken,
    'https:app.acme.example/cb',
    'https:/app.acme.example/cb',
    'https:///app.acme.example/cb',
    'https://app.acme.example\\@evil.example/cb',
    'https://app.acme.example@evil.example/cb',
    'https://:@evil.example/cb',
    'https://app.acme.example/cb#x',
    'http://app.acme.example/cb',
    'http://127.0.0.1.evil.example/cb',
    'http://127.0.0.1:7099@evil.example/cb',
    'http://127.1/cb',
    'http://0x7f.1/cb',
    'http://localhost./cb',
    '//app.acme.example/cb',
    '/cb',
    'cb',
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://evil.example/x',
    'about:blank',
    'view-source:https://evil.example',
    'ws://evil.example/',
    'mailto:x@evil.example',
    'x:',
    '',
  ])('is not taken into any registration: %j', async (uri) => {
    const world = await opened()
    const answer = await postJson(`${world.url}/oauth2/register`, { redirect_uris: [uri] })
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_redirect_uri'])
  })
})

describe('A23 open redirect: where a login leads back to', () => {
  it('is nothing that a link can say', async () => {
    const world = await start()
    const evil = [
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
      '/oauth2/authorize',
      '',
    ]
    for (const to of [
      ...evil,
      Buffer.from(JSON.stringify({ to: '//evil.example', until: 9e9 })).toString('base64url'),
    ]) {
      const answer = await fetch(`${world.url}/login/begin?to=${encodeURIComponent(to)}`, {
        redirect: 'manual',
      })
      expect([to, answer.status, answer.headers.get('location')]).toEqual([to, 400, null])
    }
  })

  it('is no path that a browser takes for another host', async () => {
    const world = await start()
    for (const path of [
      '//evil.example/oauth2/authorize',
      '/\\evil.example/oauth2/authorize',
      '/.//evil.example',
    ]) {
      const { request } = await import('node:http')
      const at = new URL(world.url)
      const answer = await new Promise<{ status: number; location: string | undefined }>(
        (resolve, reject) => {
          request(
            { host: at.hostname, port: at.port, path: `${path}?client_id=app`, headers: { host: at.host } },
            (response) => {
              response.resume()
              resolve({ status: response.statusCode!, location: response.headers.location })
            },
          )
            .on('error', reject)
            .end()
        },
      )
      expect([path, answer.status >= 400, answer.location]).toEqual([path, true, undefined])
    }
  })
})
