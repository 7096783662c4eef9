/** Accounts that people link, and installations of a GitHub App. */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { examine } from './rig.ts'
import { type Script, startScripted } from './scripted-idp.ts'

async function linked(script: Omit<Script, 'shape'>) {
  const { issuer } = await startScripted({ shape: 'other', ...script })
  return examine({
    form: 'dev',
    config: `
url: http://127.0.0.1:9181
downstreams:
  docs:
    url: http://127.0.0.1:9
    operations: [{ op: GET /x, class: read }]
    oauth: { issuer: "${issuer}", client: { id: docs-client, secret: file:secret } }
  github: { provider: github, client: { id: Iv1.a, secret: file:secret }, scope: [repo], operations: [{ op: GET /user, class: read }] }
`,
    files: { secret: 'the-secret-of-the-client' },
    words: { seconds: 5 },
  })
}

describe('an account that people link', () => {
  test('at a server that sends people back', async () => {
    const found = await linked({})
    const about = (code: string) => found.findings.filter((it) => it.code === code).map(({ says }) => says)
    expect(about('redirect_taken')).toEqual([expect.stringContaining('/connect/callback')])
    expect(about('redirect_needed').map((it) => it.replace(/.* at /, ''))).toEqual([
      'the authorization server of docs, exactly so: http://127.0.0.1:9181/connect/callback',
      'github of github, exactly so: http://127.0.0.1:9181/connect/callback',
    ])
    expect(about('account_per_user')).toHaveLength(2)
  })

  test('at a server that does not know where they come from', async () => {
    const found = await linked({ authorize: () => ({ status: 400, body: '' }) })
    expect(found.wrong).toContain('redirect_unregistered')
  })
})

describe('an installation of a GitHub App', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

  async function installed(status: number, body: object) {
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const found = await examine({
      form: 'dev',
      config: `
downstreams:
  repos:
    url: ${origin}
    operations: [{ op: GET /x, class: read }]
    github-app: { app: "1", key: file:key.pem, installation: "2", issuer: "${origin}" }
`,
      files: { 'key.pem': pem },
    })
    return found.findings.filter(({ code }) => /^(github|credentials)_/.test(code)).map(({ code }) => code)
  }

  test.each([
    [201, { token: 'ghs_token', expires_at: '2099-01-01T00:00:00Z' }, 'credentials_work'],
    [401, {}, 'github_app_refused'],
    [404, {}, 'github_installation_unknown'],
    [422, {}, 'github_grant_missing'],
    [201, { token: 5 }, 'github_unreachable'],
  ])('answered %i', async (status, body, code) => {
    expect(await installed(status, body)).toEqual([code])
  })
})
