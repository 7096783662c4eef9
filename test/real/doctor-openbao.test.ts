/** What `sallyport doctor` says of a real OpenBao that is set up in one way wrong, and what it leaves behind. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../src/model/index.ts'
import type { VaultOptions } from '../../src/storage/secrets/vault-options.ts'
import { examine } from '../doctor/rig.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { type BaoAddress, bao, type OpenBao, parts, startOpenBao } from '../kit/parts.ts'
import { entriesOf, setUpTenant, versionsWithContent } from '../storage/secrets/openbao.ts'

const here = parts().openbao
const at = here as BaoAddress

type Logins = VaultOptions['logins']
type Options = Awaited<ReturnType<typeof setUpTenant>>

interface Change {
  readonly address?: string
  readonly kv?: string
  readonly transit?: string
  readonly logins?: Partial<Logins>
  /** Text of `login:` in place of the three. */
  readonly login?: string
  readonly fixNothing?: boolean
}

async function look(options: Options, change: Change = {}) {
  const folder = temporaryFolder()
  const secrets: string[] = []
  const loginOf = (role: keyof Logins): string => {
    const login = change.logins?.[role] ?? options.logins[role]
    const file = join(folder, role)
    const secret = login.kind === 'token' ? login.token : login.secret
    writeFileSync(file, secret?.reveal() ?? '', { mode: 0o600 })
    secrets.push(secret?.reveal() ?? '')
    return login.kind === 'token'
      ? `{ token: "file:${file}" }`
      : `{ approle: { role: "${login.role ?? ''}", secret: "file:${file}", mount: "${login.mount}" } }`
  }
  const logins = `logins: { runtime: ${loginOf('runtime')}, connecting: ${loginOf('connecting')}, keeper: ${loginOf('keeper')} }`
  const { kv, transit } = options.mounts
  const found = await examine({
    form: 'dev',
    config: `
tenant: ${options.tenant}
servers: { crm: { allow: [anyone], direct: [] } }
vault:
  address: ${change.address ?? at.address}
  mounts: { kv: ${change.kv ?? kv}, transit: ${change.transit ?? transit} }
  ${change.login ?? logins}
`,
    words: { fixNothing: change.fixNothing ?? false, seconds: 20 },
  })
  for (const secret of secrets) expect(found.text).not.toContain(secret)
  const vault = found.findings.filter(({ code }) => code.startsWith('vault_'))
  return { vault, codes: vault.map(({ code }) => code), text: found.text }
}

describe.skipIf(here === undefined)('doctor at OpenBao', () => {
  let options: Options
  beforeAll(async () => {
    options = await setUpTenant(at, { tenant: 'acme', groups: ['crm'] })
  })

  test('set up by setup.mjs: all three logins may do their work and nothing else', async () => {
    const { codes } = await look(options)
    expect(codes).toEqual(['vault_ready', 'vault_rights', 'vault_canary'])
  })

  test('leaves one tombstone over the trial’s grant and one over its key, however often', async () => {
    await look(options)
    await look(options)
    const { kv } = options.mounts
    const paths = await entriesOf(at, kv)
    expect(paths).toHaveLength(2)
    expect(await versionsWithContent(at, kv)).toBe(2)
    for (const path of paths) {
      const { data } = await bao(at, 'GET', `${kv}/data/${path}`)
      expect(data.data).toMatchObject({ tomb: { cause: 'doctor' } })
      expect(JSON.stringify(data.data)).not.toMatch(/"(ct|wdek)"/)
    }
  })

  test('writes nothing with --fix-nothing', async () => {
    const fresh = await setUpTenant(at, { tenant: 'globex', groups: ['crm'] })
    const { codes } = await look(fresh, { fixNothing: true })
    expect(codes).toEqual(['vault_ready', 'vault_rights', 'vault_canary_untried'])
    expect(await entriesOf(at, fresh.mounts.kv)).toEqual([])
  })

  test('names the login whose secret id is wrong', async () => {
    const { vault, codes } = await look(options, {
      logins: { keeper: { ...options.logins.keeper, role: 'no-such-role' } },
    })
    expect(codes).toEqual(['vault_login_refused'])
    expect(vault[0]?.setting).toContain('vault.logins.keeper')
  })

  test.each(['kv', 'transit'] as const)('names the %s mount that is not there', async (name) => {
    const { vault, codes } = await look(options, { [name]: 'no-such-mount' })
    expect(codes).toEqual(['vault_mount_missing'])
    expect(vault[0]?.setting).toBe(`vault.mounts.${name}`)
  })

  test('names the login that may do too little', async () => {
    const { vault, codes } = await look(options, { logins: { keeper: options.logins.runtime } })
    expect(codes[0]).toBe('vault_right_missing')
    expect(vault[0]?.says).toMatch(/the login keeper may not create .*grants/)
  })

  test('names the login that may do too much', async () => {
    const { auth } = await bao(at, 'POST', 'auth/token/create', { ttl: '5m' })
    const token = { kind: 'token', token: options.logins.runtime.secret, mount: '' } as const
    const { vault, codes } = await look(options, {
      logins: { connecting: { ...token, token: new Secret(String(auth.client_token), 'token') } },
    })
    expect(codes).toEqual(['vault_right_surplus'])
    expect(vault[0]?.says).toContain('connecting')
  })

  test('says that one login keeps nothing apart', async () => {
    const file = join(temporaryFolder(), 'token')
    writeFileSync(file, at.rootToken, { mode: 0o600 })
    const { codes } = await look(options, { login: `login: { token: "file:${file}" }` })
    expect(codes).toEqual(['vault_one_login', 'vault_ready', 'vault_canary'])
  })

  test('says where a login may not ask for its rights', async () => {
    const { role, mount } = options.logins.runtime
    // The default policy, which every token has otherwise, permits the question.
    const path = `auth/${mount}/role/sp.acme.sallyport.runtime`
    await bao(at, 'POST', path, { token_no_default_policy: true })
    expect((await bao(at, 'GET', `${path}/role-id`)).data.role_id).toBe(role)
    const { codes } = await look(options, { fixNothing: true })
    await bao(at, 'POST', path, { token_no_default_policy: false })
    expect(codes).toContain('vault_rights_untried')
  })

  test('names the Transit key that is missing', async () => {
    const fresh = await setUpTenant(at, { tenant: 'initech', groups: ['crm'] })
    const key = `${fresh.mounts.transit}/keys/idx.initech.crm`
    await bao(at, 'POST', `${key}/config`, { deletion_allowed: true })
    await bao(at, 'DELETE', key)
    const { vault, codes } = await look(fresh)
    expect(codes).toEqual(['vault_key_missing'])
    expect(vault[0]?.says).toContain('idx.initech.crm')
  })
})

describe.skipIf(here === undefined)('doctor at an OpenBao that is sealed', () => {
  let server: OpenBao
  beforeAll(async () => {
    server = await startOpenBao({ seal: 'shamir' })
  })
  afterAll(() => server.stop())

  test('says so', async () => {
    const own = { address: server.address, rootToken: server.rootToken }
    const options = await setUpTenant(own, { tenant: 'acme', groups: ['crm'] })
    await server.seal()
    const { codes } = await look(options, { address: server.address })
    expect(codes).toEqual(['vault_sealed'])
  })
})
