import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { epoch, type GrantPlace, SallyportError, Secret } from '../../../src/model/index.ts'
import { openVaultSecrets } from '../../../src/storage/secrets/vault.ts'
import { renewalDelay } from '../../../src/storage/secrets/vault-login.ts'
import type { VaultDeps, VaultLoginOptions } from '../../../src/storage/secrets/vault-options.ts'
import { codeOf, grantWith } from '../../conformance/secrets.ts'
import { quietLog } from '../../kit/quiet.ts'
import { clock, fakeVault, fetchOf, json, type Seen } from './fake-vault.ts'

// Other work on the same machine may be heavy.
vi.setConfig({ testTimeout: 30_000 })

const principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp.example', subject: 'alice' } as const
const place: GrantPlace = {
  tenant: 'acme',
  group: 'crm',
  principal,
  downstream: 'orders',
  audience: 'orders',
}
const deps: VaultDeps = { fetch: fetchOf, clock, log: quietLog, random: randomBytes }
const approle: VaultLoginOptions = {
  kind: 'approle',
  role: 'r',
  secret: new Secret('s', 'secret id'),
  mount: 'approle',
}
const once = (login: VaultLoginOptions) => ({ runtime: login, connecting: login, keeper: login })
const mounts = { kv: 'sp-kv', transit: 'sp-transit' }
const optionsFor = (address: string | readonly string[], login = approle) => ({
  addresses: [address].flat(),
  mounts,
  logins: once(login),
  tenant: 'acme',
  groups: [],
})

type Answer = readonly [status: number, body: unknown]

/** A Vault of one entry per path; `before` may answer in its place. */
async function smallVault(
  before: (seen: Seen, count: number) => Answer | 'drop' | 'do and drop' | undefined = () => undefined,
) {
  const entries = new Map<string, { version: number; value: unknown }>()
  let tokens = 0
  const kvOf = (seen: Seen): Answer => {
    const found = entries.get(seen.url)
    if (seen.method === 'GET') {
      if (found === undefined) return [404, { errors: [] }]
      return [200, { data: { data: found.value, metadata: { version: found.version } } }]
    }
    const { data, options } = JSON.parse(seen.body) as { data: unknown; options: { cas: number } }
    if ((found?.version ?? 0) !== options.cas) {
      return [400, { errors: ['check-and-set parameter did not match the current version'] }]
    }
    entries.set(seen.url, { version: options.cas + 1, value: data })
    return [200, { data: { version: options.cas + 1 } }]
  }
  const answerOf = (seen: Seen): Answer => {
    const body = seen.body === '' ? {} : (JSON.parse(seen.body) as Record<string, string>)
    if (seen.url.startsWith('/v1/sys/health')) return [200, { initialized: true, sealed: false }]
    if (seen.url.endsWith('/login'))
      return [200, { auth: { client_token: `t${(tokens += 1)}`, lease_duration: 3600 } }]
    if (seen.url.startsWith('/v1/sys/internal')) {
      const type = seen.url.endsWith('sp-kv') ? 'kv' : 'transit'
      return [200, { data: { type, options: { version: '2' } } }]
    }
    if (seen.url.includes('/hmac/'))
      return [200, { data: { hmac: `vault:v1:${Buffer.alloc(32, 7).toString('base64')}` } }]
    if (seen.url.includes('/encrypt/'))
      return [200, { data: { ciphertext: `vault:v1:${body['plaintext']}` } }]
    if (seen.url.includes('/decrypt/')) return [200, { data: { plaintext: body['ciphertext']?.slice(9) } }]
    if (seen.url.includes('/data/')) return kvOf(seen)
    return [200, {}]
  }
  const counts = new Map<string, number>()
  const vault = await fakeVault((seen, response) => {
    const name = `${seen.method} ${seen.url}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
    const early = before(seen, counts.get(name) ?? 0)
    if (early === 'do and drop') answerOf(seen)
    if (early === 'drop' || early === 'do and drop') response.destroy()
    else json(response, ...(early ?? answerOf(seen)))
  })
  return { ...vault, entries, logins: () => vault.seen.filter(({ url }) => url.endsWith('/login')).length }
}

const isGrantWrite = (seen: Seen): boolean => seen.method === 'POST' && seen.url.includes('/grants/')
const denied: Answer = [403, { errors: ['permission denied'] }]

describe('a Vault that refuses a token', () => {
  it('is asked again once with a new token, and not logged into for each further refusal', async () => {
    let refuse = false
    const vault = await smallVault((seen) => (refuse && seen.url.includes('/data/') ? denied : undefined))
    const secrets = await openVaultSecrets(optionsFor(vault.address), deps)
    expect(vault.logins()).toBe(1)
    await secrets.read(place)
    refuse = true
    vault.seen.length = 0
    expect(await codeOf(secrets.read(place))).toBe('secrets_denied')
    expect(vault.seen.filter(({ url }) => url.includes('/data/'))).toHaveLength(2)
    for (let n = 0; n < 5; n += 1) expect(await codeOf(secrets.read(place))).toBe('secrets_denied')
    expect(vault.logins()).toBe(1)
    refuse = false
    expect(await secrets.read(place)).toBeUndefined()
    await secrets.close()
  })

  it('is logged into once, however many requests found the token dead', async () => {
    let dead = ''
    const vault = await smallVault((seen) => (seen.headers['x-vault-token'] === dead ? denied : undefined))
    const secrets = await openVaultSecrets(optionsFor(vault.address), deps)
    await secrets.read(place)
    dead = 't1'
    const all = await Promise.all(Array.from({ length: 8 }, () => codeOf(secrets.read(place))))
    expect(new Set(all)).toEqual(new Set(['no error']))
    expect(vault.logins()).toBe(2)
    await secrets.close()
  })
})

describe('a Vault that does not answer', () => {
  it('is not repeatedly asked after it was found down, until it answers', async () => {
    let down = false
    const vault = await smallVault((seen) =>
      down && !seen.url.includes('health') ? [500, { errors: [] }] : undefined,
    )
    const secrets = await openVaultSecrets(optionsFor(vault.address), deps)
    await secrets.read(place)
    down = true
    vault.seen.length = 0
    const started = performance.now()
    expect(await codeOf(secrets.read(place))).toBe('secrets_unavailable')
    expect(performance.now() - started).toBeLessThan(6500)
    expect(vault.seen.length).toBeGreaterThan(1)
    vault.seen.length = 0
    expect(await codeOf(secrets.read(place))).toBe('secrets_unavailable')
    expect(vault.seen).toHaveLength(1)
    down = false
    expect(await secrets.read(place)).toBeUndefined()
    await secrets.close()
  })

  it('keeps an update whose answer was lost: the conflict with itself is no conflict', async () => {
    const vault = await smallVault((seen, count) =>
      isGrantWrite(seen) && count === 2 ? 'do and drop' : undefined,
    )
    const secrets = await openVaultSecrets(optionsFor(vault.address), deps)
    const version = await secrets.create(place, grantWith(), 0)
    const rt = new Secret('the only copy', 'refresh token')
    expect(await secrets.update(place, grantWith({ gen: 1, rt }), version)).toBe(version + 1)
    expect((await secrets.read(place))?.grant?.rt?.reveal()).toBe('the only copy')
    expect(vault.seen.filter(isGrantWrite)).toHaveLength(3)
    await secrets.close()
  })

  it('loses an update whose answer was lost when another writer has won', async () => {
    const vault = await smallVault((seen, count) => {
      if (!isGrantWrite(seen) || count !== 2) return undefined
      const first = vault.entries.get(seen.url)
      vault.entries.set(seen.url, { version: 2, value: first?.value })
      return 'drop'
    })
    const secrets = await openVaultSecrets(optionsFor(vault.address), deps)
    const version = await secrets.create(place, grantWith(), 0)
    expect(await codeOf(secrets.update(place, grantWith({ gen: 1 }), version))).toBe('secrets_conflict')
    await secrets.close()
  })

  it('is waited for at the start without an error, and said to be down', async () => {
    const warned: unknown[] = []
    const log = { ...quietLog, warn: (event: string, facts?: unknown) => void warned.push([event, facts]) }
    const secrets = await openVaultSecrets(optionsFor('http://127.0.0.1:9'), { ...deps, log })
    expect(warned).toEqual([['vault.not_ready', expect.objectContaining({ code: 'secrets_unavailable' })]])
    expect(await secrets.health()).toBe('down')
    await expect(secrets.check()).rejects.toMatchObject({
      code: 'secrets_unavailable',
      facts: { field: 'vault.address', remedy: expect.stringContaining('address') },
    })
    await secrets.close()
  })
})

describe('a Vault that is sealed', () => {
  it('is not asked again and again', async () => {
    let sealed = false
    const vault = await smallVault((seen) =>
      sealed && seen.url.includes('/data/') ? [503, { errors: ['Vault is sealed'] }] : undefined,
    )
    const secrets = await openVaultSecrets(optionsFor(vault.address), deps)
    await secrets.read(place)
    sealed = true
    vault.seen.length = 0
    expect(await codeOf(secrets.read(place))).toBe('secrets_sealed')
    expect(vault.seen).toHaveLength(1)
    await secrets.close()
  })
})

describe('opening a Vault, refused with field and remedy', () => {
  it.each([
    'bao:8200',
    'ftp://bao:8200',
    'https://bao:8200/v1',
    'https://user:pass@bao:8200',
    'https://bao:8200/?x=1',
    'not a url',
    '',
  ])('refuses the address %j', async (address) => {
    await expect(openVaultSecrets(optionsFor(address), deps)).rejects.toMatchObject({
      code: 'config_invalid',
      facts: { field: 'vault.address' },
    })
  })

  it.each(['../sys', 'a b', '', '/kv', 'kv/', 'a/../b'])('refuses the mount %j', async (kv) => {
    const options = { ...optionsFor('http://127.0.0.1:9'), mounts: { ...mounts, kv } }
    await expect(openVaultSecrets(options, deps)).rejects.toMatchObject({
      code: 'config_invalid',
      facts: { field: 'vault.mounts.kv' },
    })
  })

  it('says that what answers is no Vault', async () => {
    for (const answer of ['<html>hello</html>', '{"hello":"world"}', '']) {
      const { address } = await fakeVault((_seen, response) => response.end(answer))
      const secrets = await openVaultSecrets(optionsFor(address), deps)
      await expect(secrets.check()).rejects.toMatchObject({
        code: 'secrets_unavailable',
        facts: { field: 'vault.address', remedy: expect.stringContaining('no Vault') },
      })
      await secrets.close()
    }
  })

  it('says that the address redirects, or was never initialised', async () => {
    const cases = [
      [
        (await fakeVault((_s, response) => response.writeHead(307, { location: '/x' }).end())).address,
        'redirect',
      ],
      [(await smallVault(() => [501, { initialized: false, sealed: true }])).address, 'initialise'],
    ] as const
    for (const [address, word] of cases) {
      const secrets = await openVaultSecrets(optionsFor(address), deps)
      await expect(secrets.check()).rejects.toMatchObject({
        code: 'secrets_unavailable',
        facts: { remedy: expect.stringContaining(word) },
      })
      await secrets.close()
    }
  })

  it('says that the network rules do not let it dial the address', async () => {
    const refuse = async (): Promise<never> => {
      throw new SallyportError('address_refused')
    }
    await expect(
      openVaultSecrets(optionsFor('http://10.0.0.1:8200'), { ...deps, fetch: refuse }),
    ).rejects.toMatchObject({
      code: 'address_refused',
      facts: { field: 'vault.address', remedy: expect.stringContaining('network.allow') },
    })
  })

  it('refuses a KV mount of version 1', async () => {
    const vault = await smallVault((seen) =>
      seen.url.startsWith('/v1/sys/internal') ? [200, { data: { type: 'kv', options: null } }] : undefined,
    )
    await expect(openVaultSecrets(optionsFor(vault.address), deps)).rejects.toMatchObject({
      code: 'config_invalid',
      facts: { field: 'vault.mounts.kv' },
    })
  })

  it('refuses a token login without a token', async () => {
    const options = optionsFor('http://127.0.0.1:9', { kind: 'token', mount: '' })
    await expect(openVaultSecrets(options, deps)).rejects.toMatchObject({ code: 'config_invalid' })
  })
})

describe('the first data key of a principal', () => {
  it('is bound to its place by what Transit authenticates', async () => {
    const vault = await smallVault()
    const secrets = await openVaultSecrets(optionsFor(vault.address), deps)
    await secrets.create(place, grantWith(), 0)
    await secrets.seal('job', 'acme', new Secret('x', 'refresh token'), epoch(1_900_000_000))
    const said = vault.seen
      .filter(({ url }) => url.includes('/encrypt/'))
      .map(({ body }) => JSON.parse(body) as { associated_data: string })
      .map(({ associated_data: aad }) => Buffer.from(aad, 'base64').toString())
    expect(said).toEqual([
      expect.stringMatching(/^sp1\|acme\|crm\|[a-z2-7]{32}\|[a-z2-7]{16}$/),
      expect.stringMatching(/^sp1\|acme\|outbox\|[a-z2-7]{32}\|1900000000$/),
    ])
    await secrets.close()
  })
})

describe('the next login', () => {
  it('comes after 54 to 66 % of the token’s life, and not sooner than in 100 ms', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 8 }), fc.nat(255), (life, drawn) => {
        const delay = renewalDelay(life, () => Buffer.from([drawn]))
        expect(delay).toBeGreaterThanOrEqual(Math.max(100, life * 540 - 1))
        expect(delay).toBeLessThanOrEqual(life * 660 + 1)
      }),
    )
    expect(renewalDelay(0, () => Buffer.from([0]))).toBe(100)
  })
})
