import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { epoch, type GrantPlace, type Principal, Secret } from '../../src/model/index.ts'
import { createDial } from '../../src/egress/dial.ts'
import type { Secrets } from '../../src/storage/index.ts'
import { openVaultSecrets } from '../../src/storage/secrets/vault.ts'
import { codeOf, grantWith, secretsConformance } from '../conformance/secrets.ts'
import { type BaoAddress, bao, type OpenBao, parts, startOpenBao } from '../kit/parts.ts'
import {
  entriesOf,
  setUpTenant,
  tokenOf,
  vaultDeps,
  versionsWithContent,
} from '../storage/secrets/openbao.ts'

const here = parts().openbao
const at = here as BaoAddress

const principal: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp.example', subject: 'alice' }
const place: GrantPlace = {
  tenant: 'acme',
  group: 'crm',
  principal,
  downstream: 'orders',
  audience: 'orders',
}
const tomb = { at: epoch(1_800_000_000), rev: 1, cause: 'test' }

/** The login of one tenant is given the rights of another as well, for the tests that need two. */
async function withTenant(tenant: string, options: Awaited<ReturnType<typeof setUpTenant>>): Promise<void> {
  await setUpTenant(at, { tenant, groups: ['crm'], like: options })
  for (const login of ['runtime', 'connecting', 'keeper']) {
    const policies = [options.tenant, tenant].map((name) => `sp.${name}.sallyport.${login}`)
    const role = `auth/${options.logins.runtime.mount}/role/sp.${options.tenant}.sallyport.${login}`
    await bao(at, 'POST', role, { token_policies: policies })
  }
}

if (here !== undefined) {
  secretsConformance('OpenBao', async () => {
    const options = await setUpTenant(at)
    await withTenant('globex', options)
    let now = 0
    const deps = { ...vaultDeps, clock: { ...vaultDeps.clock, now: () => epoch(now) } }
    return {
      open: () => openVaultSecrets(options, deps),
      setNow: (seconds) => {
        now = seconds
      },
      versionsWithContent: () => versionsWithContent(at, options.mounts.kv),
      close: async () => undefined,
    }
  })
}

describe.skipIf(here === undefined)('secrets in OpenBao', () => {
  const opened: Secrets[] = []
  const open = async (...args: Parameters<typeof openVaultSecrets>): Promise<Secrets> => {
    const secrets = await openVaultSecrets(...args)
    opened.push(secrets)
    return secrets
  }
  afterAll(() => Promise.all(opened.map((secrets) => secrets.close())))

  it('shows no token, issuer, subject or downstream to who reads the whole mount', async () => {
    const options = await setUpTenant(at)
    const secrets = await open(options, vaultDeps)
    await secrets.create(place, grantWith({ rt: new Secret('canary-refresh', 'refresh token') }), 0)
    await secrets.seal('job-1', 'acme', new Secret('canary-sealed', 'refresh token'), epoch(1_900_000_000))
    const dump: string[] = []
    for (const path of await entriesOf(at, options.mounts.kv)) {
      dump.push(path, JSON.stringify(await bao(at, 'GET', `${options.mounts.kv}/data/${path}`)))
    }
    expect(dump).toHaveLength(6)
    for (const word of ['canary', 'idp.example', 'alice', 'orders"', 'job-1'])
      expect(dump.join()).not.toContain(word)
  })

  it('refuses a grant whose clear facts were altered, and one moved to another place', async () => {
    const options = await setUpTenant(at)
    const secrets = await open(options, vaultDeps)
    const other = { ...place, audience: 'other' }
    await secrets.create(place, grantWith(), 0)
    await secrets.create(other, grantWith(), 0)
    const [first, second] = (await entriesOf(at, options.mounts.kv)).filter((path) =>
      path.includes('/grants/'),
    )
    const { data } = await bao(at, 'GET', `${options.mounts.kv}/data/${first}`)
    const put = (path: string | undefined, value: unknown): Promise<unknown> =>
      bao(at, 'POST', `${options.mounts.kv}/data/${path}`, { data: value, options: { cas: 1 } })
    await put(first, { ...data.data, registration: 'client-b' })
    await put(second, data.data)
    expect(await codeOf(secrets.read(place))).toBe('secrets_corrupt')
    expect(await codeOf(secrets.read(other))).toBe('secrets_corrupt')
  })

  it('makes a copy of the ciphertext useless by destroying the principal’s key', async () => {
    const options = await setUpTenant(at)
    const secrets = await open(options, vaultDeps)
    await secrets.create(place, grantWith(), 0)
    const paths = await entriesOf(at, options.mounts.kv)
    const grantEntry = paths.find((path) => path.includes('/grants/'))
    const keyEntry = paths.find((path) => path.includes('/keys/'))
    const copy = (await bao(at, 'GET', `${options.mounts.kv}/data/${grantEntry}`)).data.data
    await secrets.destroyKey('acme', 'crm', principal, tomb)
    await secrets.destroy(place, tomb)

    // Nobody can read the former wrapped key, with any right.
    const former = bao(at, 'GET', `${options.mounts.kv}/data/${keyEntry}?version=1`)
    await expect(former).rejects.toThrow(/"destroyed":true/)
    // Put back where it lay, the copy counts as destroyed, also once the principal has a key again.
    await bao(at, 'POST', `${options.mounts.kv}/data/${grantEntry}`, { data: copy, options: { cas: 2 } })
    expect((await secrets.read(place))?.tomb).toEqual(tomb)
    await secrets.create({ ...place, audience: 'other' }, grantWith(), 0)
    const fresh = await open(options, vaultDeps)
    expect((await fresh.read(place))?.tomb).toEqual(tomb)
  })

  it('needs no request for what it does with a held key but the entry itself', async () => {
    const options = await setUpTenant(at)
    const asked: string[] = []
    const secrets = await open(options, {
      ...vaultDeps,
      fetch: (url, init) => {
        asked.push(`${init?.method} ${new URL(url).pathname.split('/')[3]}`)
        return fetch(url, init)
      },
    })
    await secrets.create(place, grantWith(), 0)
    asked.length = 0
    await secrets.read(place)
    expect(asked).toEqual(['GET data'])
  })

  it('goes on when its token ends, and before it ends', async () => {
    const options = await setUpTenant(at, { ttl: '1s' })
    const logins: number[] = []
    const secrets = await open(options, {
      ...vaultDeps,
      fetch: (url, init) => {
        if (String(url).endsWith('/login')) logins.push(performance.now())
        return fetch(url, init)
      },
    })
    await secrets.create(place, grantWith(), 0)
    const before = logins.length
    // Three logins of one second each, renewed at 60 %: without renewal every token would be dead by then.
    await vi.waitFor(() => expect(logins.length).toBeGreaterThanOrEqual(before + 6), { timeout: 10_000 })
    expect((await secrets.read(place))?.grant?.gen).toBe(0)
  })

  it('logs in again, once, when its token was revoked under it', async () => {
    const options = await setUpTenant(at)
    const tokens = new Set<string>()
    const secrets = await open(options, {
      ...vaultDeps,
      fetch: (url, init) => {
        const token = new Headers(init?.headers).get('x-vault-token')
        if (token !== null && String(url).includes('/data/')) tokens.add(token)
        return fetch(url, init)
      },
    })
    await secrets.read(place)
    const [first] = tokens
    await bao(at, 'POST', 'auth/token/revoke', { token: first })
    expect(await secrets.read(place)).toBeUndefined()
    expect(await Promise.all([secrets.read(place), secrets.read(place)])).toEqual([undefined, undefined])
    expect(tokens.size).toBe(2)
  })

  it('renews a token that was given, and says so when it is dead', async () => {
    const options = await setUpTenant(at)
    const policies = ['runtime', 'connecting', 'keeper'].map((login) => `sp.acme.sallyport.${login}`)
    const { auth } = await bao(at, 'POST', 'auth/token/create', { policies, ttl: '2s', renewable: true })
    const login = {
      kind: 'token',
      token: new Secret(auth.client_token as string, 'token'),
      mount: 'token',
    } as const
    let renewals = 0
    const secrets = await open(
      { ...options, logins: { runtime: login, connecting: login, keeper: login } },
      {
        ...vaultDeps,
        fetch: (url, init) => {
          if (String(url).endsWith('/renew-self')) renewals += 1
          return fetch(url, init)
        },
      },
    )
    await secrets.create(place, grantWith(), 0)
    await vi.waitFor(() => expect(renewals).toBeGreaterThanOrEqual(3), { timeout: 10_000 })
    expect((await secrets.read(place))?.grant?.gen).toBe(0)
    await bao(at, 'POST', 'auth/token/revoke', { token: auth.client_token })
    await expect(secrets.read(place)).rejects.toMatchObject({
      code: 'secrets_denied',
      facts: { field: 'vault.login (runtime)', remedy: expect.stringContaining('token') },
    })
  })

  it('works through the one dialler, which dials nothing but the address', async () => {
    const options = await setUpTenant(at)
    const limits = { connectTimeoutMs: 5000, headersTimeoutMs: 5000, idleTimeoutMs: 5000 }
    const dial = createDial({ origins: [{ url: at.address }], network: { allow: [], deny: [] }, ...limits })
    const secrets = await openVaultSecrets(options, { ...vaultDeps, fetch: dial.fetch })
    await secrets.create(place, grantWith(), 0)
    expect((await secrets.read(place))?.grant?.gen).toBe(0)
    await secrets.close()
    await dial.close()
    const elsewhere = createDial({ origins: [], network: { allow: [], deny: [] }, ...limits })
    await expect(openVaultSecrets(options, { ...vaultDeps, fetch: elsewhere.fetch })).rejects.toMatchObject({
      code: 'address_refused',
      facts: { field: 'vault.address' },
    })
    await elsewhere.close()
  })

  it('ends its own tokens when it is closed', async () => {
    const options = await setUpTenant(at)
    let token = ''
    const secrets = await openVaultSecrets(options, {
      ...vaultDeps,
      fetch: (url, init) => {
        token = new Headers(init?.headers).get('x-vault-token') ?? token
        return fetch(url, init)
      },
    })
    await secrets.close()
    await expect(bao({ ...at, rootToken: token }, 'GET', 'auth/token/lookup-self')).rejects.toThrow(/403/)
  })
})

describe.skipIf(here === undefined)('opening secrets in OpenBao, refused with field and remedy', () => {
  const refusal = async (...args: Parameters<typeof openVaultSecrets>): Promise<unknown> =>
    openVaultSecrets(...args).then(
      (secrets) => secrets.close(),
      (error: unknown) => error,
    )

  it('names the login whose secret id is wrong', async () => {
    const options = await setUpTenant(at)
    const keeper = { ...options.logins.keeper, secret: new Secret('no-such-secret-id', 'secret id') }
    const error = await refusal({ ...options, logins: { ...options.logins, keeper } }, vaultDeps)
    expect(error).toMatchObject({
      code: 'secrets_denied',
      facts: { field: 'vault.login (keeper)', remedy: expect.stringContaining('secret id') },
    })
  })

  it.each(['kv', 'transit'] as const)('names the %s mount that is not there', async (name) => {
    const options = await setUpTenant(at)
    const error = await refusal(
      { ...options, mounts: { ...options.mounts, [name]: 'no-such-mount' } },
      vaultDeps,
    )
    expect(error).toMatchObject({
      code: 'config_invalid',
      facts: { field: `vault.mounts.${name}`, remedy: expect.stringContaining('setup.mjs') },
    })
  })

  it('names the transit key of a group that was not set up, which its logins may not make', async () => {
    const options = await setUpTenant(at)
    const error = await refusal({ ...options, groups: ['crm', 'sales'] }, vaultDeps)
    expect(error).toMatchObject({ code: expect.stringMatching(/secrets_denied|config_invalid/) })
    expect(error).toMatchObject({ facts: { remedy: expect.stringContaining('setup.mjs') } })
  })

  it('makes missing transit keys where the login may', async () => {
    const options = await setUpTenant(at)
    const login = { kind: 'token', token: new Secret(at.rootToken, 'token'), mount: '' } as const
    const secrets = await openVaultSecrets(
      { ...options, groups: ['sales'], logins: { runtime: login, connecting: login, keeper: login } },
      vaultDeps,
    )
    await secrets.create({ ...place, group: 'sales' }, grantWith(), 0)
    expect((await secrets.read({ ...place, group: 'sales' }))?.grant?.gen).toBe(0)
    await secrets.close()
  })
})

describe.skipIf(here === undefined)('an OpenBao that is sealed, killed and started again', () => {
  let server: OpenBao
  beforeAll(async () => {
    server = await startOpenBao({ seal: 'shamir' })
  })
  afterAll(() => server.stop())

  it('answers secrets_sealed while it is sealed, also to one that was opened then, and works again after', async () => {
    const options = await setUpTenant(server)
    const secrets = await openVaultSecrets(options, vaultDeps)
    const version = await secrets.create(place, grantWith(), 0)
    await server.seal()
    expect(await codeOf(secrets.update(place, grantWith({ gen: 1 }), version))).toBe('secrets_sealed')
    expect(await secrets.health()).toBe('sealed')
    const late = await openVaultSecrets(options, vaultDeps)
    await expect(late.check()).rejects.toMatchObject({
      code: 'secrets_sealed',
      facts: { field: 'vault.address' },
    })
    expect(await codeOf(late.read(place))).toBe('secrets_sealed')
    await server.unseal()
    expect(await secrets.update(place, grantWith({ gen: 1 }), version)).toBe(version + 1)
    expect((await late.read(place))?.grant?.gen).toBe(1)
    await late.check()
    await Promise.all([secrets.close(), late.close()])
  })

  it('answers secrets_unavailable while it is dead, soon, and finds everything after a restart', async () => {
    const options = await setUpTenant(server)
    const secrets = await openVaultSecrets(options, vaultDeps)
    const version = await secrets.create(place, grantWith(), 0)
    await server.kill()
    const started = performance.now()
    expect(await codeOf(secrets.update(place, grantWith({ gen: 1 }), version))).toBe('secrets_unavailable')
    expect(performance.now() - started).toBeLessThan(7000)
    expect(await secrets.health()).toBe('down')
    const late = await openVaultSecrets(options, vaultDeps)
    expect(await codeOf(late.check())).toBe('secrets_unavailable')
    await server.restart()
    expect((await secrets.read(place))?.grant?.gen).toBe(0)
    expect((await late.read(place))?.grant?.gen).toBe(0)
    await Promise.all([secrets.close(), late.close()])
  })

  it('has every acknowledged update after a kill in the middle of writing', async () => {
    const options = await setUpTenant(server)
    const secrets = await openVaultSecrets(options, vaultDeps)
    let version = await secrets.create(place, grantWith(), 0)
    let acknowledged = 0
    const writing = (async () => {
      for (let gen = 1; ; gen += 1) {
        version = await secrets.update(place, grantWith({ gen }), version)
        acknowledged = gen
      }
    })().catch(() => undefined)
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(5), { timeout: 10_000 })
    await server.kill()
    await writing
    await server.restart()
    const stored = await secrets.read(place)
    // The last write may have been carried out although its answer never came.
    expect([acknowledged, acknowledged + 1]).toContain(stored?.grant?.gen)
    expect(await secrets.update(place, grantWith({ gen: 9999 }), Number(stored?.version))).toBeGreaterThan(0)
    const token = await tokenOf(server, options.logins.keeper)
    expect(token).not.toBe('')
    await secrets.close()
  })
})
