/** A vault that is sealed, down or not where the configuration says: what still works, and what is said. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIdp } from '../kit/idp.ts'
import { epoch, millis } from '../../src/model/index.ts'
import { mint, type Running, startInstance } from '../kit/instance.ts'
import { type OpenBao, parts, startOpenBao } from '../kit/parts.ts'
import { startUpstream } from '../kit/upstream.ts'
import { runSetup, type SetupReport } from '../storage/secrets/openbao.ts'

const clock = { now: () => epoch(Date.now() / 1000), monotonic: () => millis(performance.now()) }
const resource = 'https://crm.example'

async function world(address: string, roles: SetupReport['logins']) {
  const idp = await startIdp({ clock })
  const api = await startUpstream((_request, response) => void response.end('{}'))
  const login = (name: keyof SetupReport['logins']) =>
    `{ approle: { role: "${roles[name].role_id}", secret: "file:${roles[name].secret_id_file}" } }`
  const running = await startInstance({
    form: 'single',
    files: { key: 'thirty-two bytes or more of a key file', all: 'static-for-all' },
    config: () => `tenant: acme
login: { issuer: "${idp.issuer}" }
key: file:key
vault:
  address: ${address}
  logins: { runtime: ${login('runtime')}, connecting: ${login('connecting')}, keeper: ${login('keeper')} }
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "${resource}", allow: [anyone], direct: [mine, shared] }
downstreams:
  mine: { url: "${api.url}", static: { header: X-Key, per: user }, operations: [{ op: "GET /me", class: read }] }
  shared: { url: "${api.url}", resource: "https://shared.example", static: { header: X-Key, value: file:all, per: all, owner: crm }, operations: [{ op: "GET /me", class: read }] }
`,
  })
  const call = async (path: string) => {
    const token = await idp.token({ sub: 'alice', aud: resource })
    const session = await mint(running, 'crm', token)
    const answer = await fetch(`${running.egress}/downstream${path}`, {
      headers: { authorization: `Bearer ${session.token}` },
    })
    const { code } = (await answer.json()) as { code?: string }
    return { status: answer.status, code, retry: answer.headers.get('retry-after') }
  }
  return { running, call }
}

const connect = (running: Running) =>
  running.admin('POST', '/v1/connections', { downstream: 'mine', user: 'alice', value: 'alices-key' })

describe.skipIf(parts().openbao === undefined)('a vault that is away', () => {
  let bao: OpenBao
  let roles: SetupReport['logins']
  const secrets = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  beforeAll(async () => {
    bao = await startOpenBao()
    const options = ['--tenant', 'acme', '--group', 'crm', '--secret-dir', secrets]
    roles = (await runSetup(bao, options)).logins
  })
  afterAll(async () => {
    await bao.stop()
    rmSync(secrets, { recursive: true })
  })

  it('does not keep the process from starting; what needs it is refused by name until it is back', async () => {
    await bao.seal()
    const { running, call } = await world(bao.address, roles)
    expect((await running.admin('GET', '/v1/status')).body).toMatchObject({ ready: true, vault: 'sealed' })
    expect(await call('/shared/me')).toMatchObject({ status: 200 })
    // That nobody has connected anything is known without the vault.
    expect(await call('/mine/me')).toMatchObject({ status: 424, code: 'connect_required' })
    expect((await connect(running)).body['code']).toBe('secrets_sealed')
    await bao.unseal()
    await expect.poll(async () => (await connect(running)).status, { timeout: 10_000 }).toBe(200)
    await bao.seal()
    expect(await call('/mine/me')).toMatchObject({ status: 503, code: 'secrets_sealed' })
    expect((await call('/mine/me')).retry).not.toBeNull()
    await bao.unseal()
    await expect.poll(async () => (await call('/mine/me')).status, { timeout: 10_000 }).toBe(200)
  })

  it('at a wrong address is told as down, and nothing is half done', async () => {
    const { running, call } = await world('http://127.0.0.1:9', roles)
    expect((await running.admin('GET', '/v1/status')).body).toMatchObject({ ready: true, vault: 'down' })
    expect((await connect(running)).body['code']).toBe('secrets_unavailable')
    expect((await running.admin('GET', '/v1/connections')).body['connections']).toEqual([])
    expect(await call('/mine/me')).toMatchObject({ status: 424, code: 'connect_required' })
  })
})
