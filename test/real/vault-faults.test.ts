/** A vault that goes away while the instance runs: what goes on, what is refused, and that it comes back. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../kit/folder.ts'
import { startIdp } from '../kit/idp.ts'
import { epoch, millis } from '../../src/model/index.ts'
import { mint, startInstance } from '../kit/instance.ts'
import { type OpenBao, parts, startOpenBao } from '../kit/parts.ts'
import { startHostile } from '../faults/hostile.ts'
import { killUnderLoad } from '../faults/kill-load.ts'
import { leavesNothing } from '../faults/rig.ts'
import { startUpstream } from '../kit/upstream.ts'
import { runSetup, type SetupReport } from '../storage/secrets/openbao.ts'

const clock = { now: () => epoch(Date.now() / 1000), monotonic: () => millis(performance.now()) }
const resource = 'https://crm.example'
const patient = { timeout: 20_000, interval: 200 }

describe.skipIf(parts().openbao === undefined)('a vault under a running instance', () => {
  let bao: OpenBao
  let roles: SetupReport['logins']
  const secrets = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  beforeAll(async () => {
    bao = await startOpenBao()
    roles = (await runSetup(bao, ['--tenant', 'acme', '--group', 'crm', '--secret-dir', secrets])).logins
  })
  afterAll(async () => {
    await bao.stop()
    rmSync(secrets, { recursive: true })
  })

  const vault = () => {
    const login = (name: keyof SetupReport['logins']) =>
      `{ approle: { role: "${roles[name].role_id}", secret: "file:${roles[name].secret_id_file}" } }`
    return `vault:
  address: ${bao.address}
  logins: { runtime: ${login('runtime')}, connecting: ${login('connecting')}, keeper: ${login('keeper')} }`
  }

  async function start() {
    const idp = await startIdp({ clock })
    onTestFinished(() => idp.close())
    const api = await startUpstream((_request, response) => void response.end('{}'))
    const running = await startInstance({
      form: 'single',
      files: { key: 'thirty-two bytes or more of a key file' },
      config: () => `tenant: acme
limits: { connect: 1s, headers: 2s, idle: 2s }
login: { issuer: "${idp.issuer}" }
key: file:key
${vault()}
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "${resource}", allow: [anyone], direct: [mine] }
downstreams:
  mine: { url: "${api.url}", static: { header: X-Key, per: user }, operations: [{ op: "GET /me", class: read }] }
`,
    })
    const ask = async (user: string) => {
      const session = await mint(running, 'crm', await idp.token({ sub: user, aud: resource }))
      const answer = await fetch(`${running.egress}/downstream/mine/me`, {
        headers: { authorization: `Bearer ${session.token}` },
      })
      return { status: answer.status, code: ((await answer.json()) as { code?: string }).code }
    }
    const connect = (user: string) =>
      running.admin('POST', '/v1/connections', { downstream: 'mine', user, value: `key-of-${user}` })
    const connected = async () => {
      const { body } = await running.admin('GET', '/v1/connections')
      const rows = body['connections'] as { place: { principal: { subject: string } }; status: string }[]
      return rows.filter(({ status }) => status === 'active').map(({ place }) => place.principal.subject)
    }
    for (const user of ['alice', 'bob', 'carol']) expect((await connect(user)).status).toBe(200)
    expect((await ask('alice')).status).toBe(200)
    return { running, ask, connect, connected }
  }

  it.each([
    [
      'does not answer',
      'secrets_unavailable',
      (): unknown => process.kill(bao.pid(), 'SIGSTOP'),
      (): unknown => process.kill(bao.pid(), 'SIGCONT'),
    ],
    ['is sealed', 'secrets_sealed', () => bao.seal(), () => bao.unseal()],
    ['is killed', 'secrets_unavailable', () => bao.kill(), () => bao.restart()],
  ] as const)(
    'that %s: 503 for who needs it, what is in memory goes on, a revocation holds and is finished later',
    async (_what, code, away, back) => {
      const { running, ask, connect, connected } = await start()
      await away()
      let isAway = true
      onTestFinished(async () => {
        if (isAway) await back()
      })
      expect(await ask('alice')).toEqual({ status: 200 })
      expect(await ask('bob')).toEqual({ status: 503, code })
      expect((await connect('dave')).body['code']).toBe(code)
      expect(await connected()).toEqual(['alice', 'bob', 'carol'])
      const order = {
        id: `away-${code}-${_what.length}`,
        scope: { kind: 'user', id: 'carol' },
        cause: 'left',
        wait_s: 1,
      }
      const revoked = await running.admin('POST', '/v1/revocations', order)
      expect([revoked.status, revoked.body['status']]).toEqual([202, 'fenced'])
      expect((await ask('carol')).code).not.toBeUndefined()

      await back()
      isAway = false
      await expect.poll(() => ask('bob'), patient).toEqual({ status: 200 })
      await expect.poll(async () => (await connect('dave')).status, patient).toBe(200)
      expect(await ask('dave')).toEqual({ status: 200 })
      const finished = async () => (await running.admin('POST', '/v1/revocations', order)).body['status']
      await expect.poll(finished, patient).toBe('complete')
      expect(await connected()).toEqual(['alice', 'bob', 'dave'])
      await leavesNothing(running)
    },
    90_000,
  )

  it('kill -9 under load on a real vault loses no acknowledged record and leaves no half-done connection', async () => {
    const idp = await startIdp({ clock })
    onTestFinished(() => idp.close())
    const done = await killUnderLoad({
      folder: temporaryFolder(),
      files: { key: 'thirty-two bytes or more of a key file', shared: 'the-key-of-everybody' },
      more: vault(),
      idp,
      api: await startHostile(),
      kills: 3,
    })
    expect(done.connects).toBeGreaterThan(2)
  }, 300_000)
})
