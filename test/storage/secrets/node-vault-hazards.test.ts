import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer as createTlsServer } from 'node:https'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { SallyportError, Secret } from '../../../src/model/index.ts'
import { appRoleLogin } from '../../../src/storage/secrets/approle-login.ts'
import { tokenLogin } from '../../../src/storage/secrets/token-login.ts'
import { createVaultApi } from '../../../src/storage/secrets/vault-api.ts'
import { kvStore } from '../../../src/storage/secrets/vault-backend.ts'
import { createVaultClient, type VaultClient } from '../../../src/storage/secrets/vault-client.ts'
import type { Login } from '../../../src/storage/secrets/vault-login.ts'
import { quietLog } from '../../kit/quiet.ts'
import { certificate } from './certificate.ts'
import { clock, fakeVault, fetchOf, json, listen } from './fake-vault.ts'

/**
 * What node-vault 0.12.0 was seen to do wrong (docs/openbao.md, “node-vault”), one by one, against a plain server on
 * loopback that stands where the Vault would.
 */
// Other work on the same machine may be heavy; nothing here waits for a time limit but hazard 6.
vi.setConfig({ testTimeout: 30_000 })

const token = new Secret('hvs.canary-token', 'vault token')
const canaries = ['hvs.canary-token', 'canary-body']

const clientOf = (address: string, timeoutMs = 1000): VaultClient =>
  createVaultClient({ address, fetch: fetchOf, timeoutMs })

/** A login that always has the one token. */
const fixedLogin: Login = {
  token: async () => token,
  again: async () => undefined,
  close: async () => undefined,
}

const apiOf = (client: VaultClient, login: Login = fixedLogin): ReturnType<typeof createVaultApi> =>
  createVaultApi({ role: 'runtime', client, login, clock, random: randomBytes, outage: { on: false } })

/** Everything that a logger, a crash report or a debugger could print of it. */
function everyTextOf(error: unknown): string {
  const texts: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    texts.push(at.message, at.stack ?? '', JSON.stringify(at), JSON.stringify(Object.entries(at)))
  }
  return [...texts, inspect(error, { depth: Infinity, showHidden: true, getters: true })].join('\n')
}

const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  )

const write = {
  method: 'POST',
  path: '/sp-kv/data/t/acme/g/crm/grants/u/g',
  body: { value: 'canary-body' },
} as const

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('node-vault', () => {
  it('hazard 1: an error carries neither the token nor what was written', async () => {
    const { address: refusing } = await fakeVault((_seen, response) =>
      json(response, 400, { errors: ['canary-body'] }),
    )
    const { address: breaking } = await fakeVault((_seen, response) => response.destroy())
    const { address: foreign } = await fakeVault((_seen, response) =>
      response.end('<html>canary-body</html>'),
    )
    for (const address of ['http://127.0.0.1:1', breaking, foreign]) {
      const raw = await failureOf(clientOf(address).call({ ...write, token }))
      const classified = await failureOf(apiOf(clientOf(address)).request(write))
      expect(classified).toBeInstanceOf(SallyportError)
      for (const canary of canaries) {
        expect(everyTextOf(raw)).not.toContain(canary)
        expect(everyTextOf(classified)).not.toContain(canary)
      }
    }
    const { writeCas } = kvStore(
      {
        runtime: apiOf(clientOf(refusing)),
        connecting: apiOf(clientOf(refusing)),
        keeper: apiOf(clientOf(refusing)),
      },
      { kv: 'sp-kv', transit: 'sp-transit' },
    )
    const error = await failureOf(writeCas('runtime', 't/acme/g/crm/grants/u/g', { value: 'canary-body' }, 0))
    for (const canary of canaries) expect(everyTextOf(error)).not.toContain(canary)
  })

  it('hazard 2: DEBUG=node-vault prints nothing', async () => {
    const written: string[] = []
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text))
      return true
    })
    // The very copy that node-vault loads.
    const debug = createRequire(createRequire(import.meta.url).resolve('node-vault'))('debug')
    debug.enable('*')
    onTestFinished(() => {
      debug.disable()
      spy.mockRestore()
    })
    const { address } = await fakeVault()
    await clientOf(address).call({ ...write, token })
    debug('node-vault')('the switch itself works')
    const printed = written.join('')
    expect(printed).toContain('the switch itself works')
    expect(printed).not.toContain('canary')
    expect(printed.split('\n').filter((line) => line.includes('node-vault'))).toHaveLength(1)
  })

  it.each([301, 302, 307, 308])(
    'hazard 3: a %i is not followed, and nobody else gets the token',
    async (status) => {
      const rogue = await fakeVault()
      const { address, seen } = await fakeVault((one, response) => {
        response.writeHead(status, { location: `${rogue.address}${one.url}` }).end()
      })
      const error = await failureOf(clientOf(address).call({ ...write, token }))
      expect(error).toMatchObject({ name: 'VaultFailure', kind: 'redirect' })
      expect(seen).toHaveLength(1)
      expect(rogue.seen).toEqual([])
    },
  )

  it.each(['false', '0', 'true', '1'])(
    'hazard 4: VAULT_SKIP_VERIFY=%s does not turn TLS verification off',
    async (value) => {
      vi.stubEnv('VAULT_SKIP_VERIFY', value)
      const server = createTlsServer(certificate, (_request, response) => response.end('{}'))
      let asked = false
      server.on('request', () => {
        asked = true
      })
      const address = await listen(server, 'https')
      const error = await failureOf(clientOf(address).call({ ...write, token }))
      expect(error).toMatchObject({
        name: 'VaultFailure',
        kind: 'unreachable',
        detail: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      })
      expect(asked).toBe(false)
    },
  )

  it('hazard 5: a proxy of the environment sees nothing', async () => {
    const proxy = await fakeVault()
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy']) {
      vi.stubEnv(name, proxy.address)
    }
    vi.stubEnv('NO_PROXY', '')
    vi.stubEnv('no_proxy', '')
    const { address, seen } = await fakeVault()
    await clientOf(address).call({ ...write, token })
    expect(seen).toHaveLength(1)
    expect(proxy.seen).toEqual([])
  })

  it('hazard 6: a request that is not answered ends, 202 is success, and what passes is asked again', async () => {
    const silent = await fakeVault(() => undefined)
    const error = await failureOf(clientOf(silent.address, 100).call({ ...write, token }))
    expect(error).toMatchObject({ name: 'VaultFailure', kind: 'timeout' })

    const accepting = await fakeVault((_seen, response) => json(response, 202, { data: { version: 1 } }))
    expect((await clientOf(accepting.address).call({ ...write, token })).status).toBe(200)

    for (const status of [412, 429, 472, 473, 500, 502, 503]) {
      let left = 2
      const { address, seen } = await fakeVault((_seen, response) => {
        left -= 1
        json(response, left >= 0 ? status : 200, { data: { version: 1 } })
      })
      expect((await apiOf(clientOf(address)).request(write)).status).toBe(200)
      expect(seen).toHaveLength(3)
    }
  })

  it('hazard 7: a name cannot leave its place in the path', async () => {
    const { address, seen } = await fakeVault()
    for (const name of [
      'u_ab==&x',
      '../../sys/seal',
      '%2e%2e/x',
      'a#b',
      'a?b=c',
      'a b',
      '',
      '.',
      'ü',
      'a//b',
      'a\\b',
    ]) {
      const path = `/sp-kv/data/t/${name}/g`
      await expect(clientOf(address).call({ method: 'GET', path, token })).rejects.toThrow(TypeError)
    }
    expect(seen).toEqual([])
    await clientOf(address).call({ method: 'GET', path: '/sp-transit/keys/kek.acme.crm', token })
    expect(seen[0]?.url).toBe('/v1/sp-transit/keys/kek.acme.crm')
  })

  it('hazard 8: each request carries its own token and namespace, never a former one', async () => {
    vi.stubEnv('VAULT_TOKEN', 'hvs.from-environment')
    vi.stubEnv('VAULT_NAMESPACE', 'from-environment')
    vi.stubEnv('VAULT_PREFIX', '/from-environment')
    vi.stubEnv('VAULT_ADDR', 'http://127.0.0.1:1')
    const { address, seen } = await fakeVault()
    const client = clientOf(address)
    await client.call({ ...write, token })
    await client.call({ ...write, token: new Secret('hvs.second', 'vault token') })
    await client.call(write)
    expect(seen.map(({ headers }) => headers['x-vault-token'])).toEqual([
      'hvs.canary-token',
      'hvs.second',
      undefined,
    ])
    expect(seen.map(({ headers }) => headers['x-vault-namespace'])).toEqual([undefined, undefined, undefined])
    expect(new Set(seen.map(({ url }) => url))).toEqual(new Set([`/v1${write.path}`]))

    const inside = createVaultClient({ address, namespace: 'team-a', fetch: fetchOf })
    await inside.call({ ...write, token })
    expect(seen.at(-1)?.headers['x-vault-namespace']).toBe('team-a')
  })

  it('hazard 9: a token of 768 hours is renewed once in a while, and a renewal that failed is tried again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    let renewals = 0
    let fail = false
    const month = 768 * 3600
    const client: VaultClient = {
      call: async ({ path }) => {
        if (path !== '/auth/token/renew-self')
          return { status: 200, body: { data: { ttl: month, renewable: true } }, errors: [] }
        renewals += 1
        if (fail) return { status: 500, body: undefined, errors: [] }
        return { status: 200, body: { auth: { lease_duration: month, renewable: true } }, errors: [] }
      },
    }
    const options = { kind: 'token', token, mount: 'token' } as const
    const login = tokenLogin({ role: 'runtime', options, client, clock, random: randomBytes, log: quietLog })
    await login.token()
    await vi.advanceTimersByTimeAsync(60 * 60 * 1000)
    expect(renewals).toBe(0)
    await vi.advanceTimersByTimeAsync(24 * 60 * 60 * 1000)
    expect(renewals).toBe(1)
    fail = true
    await vi.advanceTimersByTimeAsync(24 * 60 * 60 * 1000)
    const failed = renewals
    expect(failed).toBeGreaterThan(1)
    fail = false
    await vi.advanceTimersByTimeAsync(60 * 1000)
    expect(renewals).toBe(failed + 1)
    await login.close()
    await vi.advanceTimersByTimeAsync(30 * 24 * 60 * 60 * 1000)
    expect(renewals).toBe(failed + 1)
  })

  it('hazard 10: a token that comes back in an answer does not become the client’s own', async () => {
    const { address, seen } = await fakeVault((_seen, response) =>
      json(response, 200, { auth: { client_token: 'hvs.child', lease_duration: 3600, renewable: true } }),
    )
    const client = clientOf(address)
    await client.call({ method: 'POST', path: '/auth/token/create', body: {}, token })
    await client.call({ ...write, token })
    await client.call(write)
    expect(seen.slice(1).map(({ headers }) => headers['x-vault-token'])).toEqual([
      'hvs.canary-token',
      undefined,
    ])
  })

  it('hazard 11: none of its generated commands exists, so none with a path that is gone can be used', async () => {
    const { default: nodeVault } = await import('node-vault')
    const options = { endpoint: 'http://127.0.0.1:1', debug: () => undefined }
    expect(nodeVault(options)).toHaveProperty('revokePrefix')
    expect(nodeVault({ ...options, commands: {} })).not.toHaveProperty('revokePrefix')
    // Ending a login goes to a path of today.
    const { address, seen } = await fakeVault((_seen, response) =>
      json(response, 200, { auth: { client_token: 'hvs.own', lease_duration: 3600 } }),
    )
    const login = appRoleLogin({
      role: 'runtime',
      options: { kind: 'approle', role: 'r', secret: new Secret('s', 'secret id'), mount: 'approle' },
      client: clientOf(address),
      clock,
      random: randomBytes,
      log: quietLog,
    })
    await login.token()
    await login.close()
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /v1/auth/approle/login',
      'POST /v1/auth/token/revoke-self',
    ])
  })

  it('hazard 12: no request uses a verb that HTTP servers do not know', async () => {
    const { address, seen } = await fakeVault((_seen, response) =>
      json(response, 200, {
        data: {
          metadata: { version: 3 },
          data: {},
          version: 3,
          versions: { 1: {}, 2: { destroyed: true }, 3: {} },
        },
      }),
    )
    const api = apiOf(clientOf(address))
    const kv = kvStore({ runtime: api, connecting: api, keeper: api }, { kv: 'sp-kv', transit: 'sp-transit' })
    await kv.read('runtime', 't/a')
    await kv.writeCas('runtime', 't/a', {}, 2)
    await kv.destroyOlder('t/a', 3)
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'POST', 'GET', 'PUT'])
    expect(JSON.parse(seen.at(-1)?.body ?? '')).toEqual({ versions: [1] })
  })

  it('hazard 13: axios, which is loaded but never used, is one known version and runs no script', () => {
    const read = (path: string): any =>
      JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'))
    const lock = read('package-lock.json').packages
    const pinned: string = read('package.json').dependencies.axios
    expect(pinned).toMatch(/^\d+\.\d+\.\d+$/)
    // The trojaned releases of 2026-03-31.
    expect(['1.14.1', '0.30.4']).not.toContain(pinned)
    const copies = Object.entries<any>(lock).filter(([path]) => /(^|\/)node_modules\/axios$/.test(path))
    expect(copies.map(([path, { version }]) => [path, version])).toEqual([['node_modules/axios', pinned]])
    expect(copies[0]?.[1].integrity).toMatch(/^sha512-/)
    expect(copies[0]?.[1].hasInstallScript).toBeUndefined()
    expect(Object.keys(lock).filter((path) => path.endsWith('/plain-crypto-js'))).toEqual([])
    expect(read('package.json').dependencies['node-vault']).toBe('0.12.0')
    expect(readFileSync(new URL('../../../.npmrc', import.meta.url), 'utf8')).toMatch(
      /^ignore-scripts=true$/m,
    )
  })

  it('takes no answer for a health answer because its path says so', async () => {
    const { address } = await fakeVault((_seen, response) => json(response, 500, { errors: ['down'] }))
    const path = '/sp-kv/data/sys/health'
    expect((await clientOf(address).call({ method: 'GET', path, token })).status).toBe(500)
  })
})
