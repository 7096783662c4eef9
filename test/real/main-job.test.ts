/**
 * The main job on real parts: Keycloak signs people in and exchanges, OpenBao keeps what is stored, and a process's
 * worth of sallyport, wired as the program wires it, stands between.
 */
import { StatementSync } from 'node:sqlite'
import { Pool } from 'undici'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { freePorts, mint, type Running, startInstance } from '../kit/instance.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { claimsOf, parts, passwordToken } from '../kit/parts.ts'
import { runSetup, type SetupReport } from '../storage/secrets/openbao.ts'
import { countRequests, startResourceServer, startUpstream } from '../kit/upstream.ts'

const here = parts()

let prepared = 0

interface Vault {
  readonly mounts: { readonly kv: string; readonly transit: string }
  readonly roles: SetupReport['logins']
}

/** Mounts, keys, policies and AppRoles as an operator makes them: by the script that is shipped. */
async function prepareVault(folder: string): Promise<Vault> {
  const suffix = `${process.pid}-${(prepared += 1)}`
  const mounts = { kv: `main-kv-${suffix}`, transit: `main-transit-${suffix}` }
  const where = ['--kv', mounts.kv, '--transit', mounts.transit, '--name', `main-${suffix}`]
  const { logins } = await runSetup(here.openbao!, [
    '--tenant',
    'acme',
    '--group',
    'crm',
    '--group',
    'login',
    ...where,
    '--secret-dir',
    folder,
  ])
  return { mounts, roles: logins }
}

interface WorldUrls {
  readonly issuer: string
  readonly vault: string
  readonly orders: string
  readonly legacy: string
}

function configure(urls: WorldUrls, { mounts, roles }: Vault): string {
  const login = (name: 'runtime' | 'connecting' | 'keeper') =>
    `{ approle: { role: "${roles[name].role_id}", secret: "file:${roles[name].secret_id_file}" } }`
  return `tenant: acme
environment: test
login:
  issuer: ${urls.issuer}
  client: { id: sallyport, secret: file:idp-secret }
key: file:key
vault:
  address: ${urls.vault}
  mounts: { kv: ${mounts.kv}, transit: ${mounts.transit} }
  logins: { runtime: ${login('runtime')}, connecting: ${login('connecting')}, keeper: ${login('keeper')} }
servers:
  crm:
    url: http://127.0.0.1:3000/mcp
    audiences: [sallyport]
    extra_audiences: [account]
    allow: ["group:crm-users"]
    direct: ["orders", "stored", "legacy"]
downstreams:
  orders:
    url: ${urls.orders}
    exchange: { audience: orders-api }
    operations: [{ op: "GET /orders", class: read }, { op: "GET /orders/stream", class: read }]
  stored:
    url: ${urls.orders}
    resource: https://stored.example
    exchange: { audience: orders-api, refresh: true }
    operations: [{ op: "GET /orders", class: read }]
  legacy:
    url: ${urls.legacy}
    static: { header: X-Api-Key, per: user }
    operations: [{ op: "GET /me", class: read }]
`
}

interface World {
  readonly sallyport: Running
  readonly folder: string
  readonly orders: Awaited<ReturnType<typeof startResourceServer>>
  readonly legacy: Awaited<ReturnType<typeof startUpstream>>
  /** A second start on the same data folder. */
  restart(): Promise<Running>
  signIn(user?: 'alice' | 'bob'): Promise<string>
}

async function openWorld(): Promise<World> {
  const keycloak = here.keycloak!
  const folder = temporaryFolder()
  const prepared = await prepareVault(folder)
  const { issuer } = keycloak
  const vault = here.openbao!.address
  const orders = await startResourceServer({
    issuer,
    jwks: `${issuer}/protocol/openid-connect/certs`,
    audience: 'orders-api',
  })
  const legacy = await startUpstream((request, response) => {
    response.writeHead(request.headers['x-api-key'] === 'alices-own-key' ? 200 : 401).end('{}')
  })
  const urls = { issuer, vault, orders: orders.url, legacy: legacy.url }
  const ports = await freePorts()
  const start = () =>
    startInstance({
      ports,
      form: 'single',
      folder,
      files: { 'idp-secret': keycloak.clients.sallyport, key: 'a passphrase-long key of thirty-two bytes.' },
      config: () => configure(urls, prepared),
    })
  let sallyport = await start()
  return {
    get sallyport() {
      return sallyport
    },
    folder,
    orders,
    legacy,
    signIn: async (user = 'alice') => (await passwordToken({ user })).access_token,
    restart: async () => {
      await sallyport.stop()
      sallyport = await start()
      return sallyport
    },
  }
}

const get = (running: Running, path: string, token: string) =>
  fetch(`${running.egress}/downstream${path}`, { headers: { authorization: `Bearer ${token}` } })

describe.skipIf(here.keycloak === undefined || here.openbao === undefined)(
  'the main job on Keycloak and OpenBao',
  () => {
    afterEach(() => vi.restoreAllMocks())

    it('exchanges, injects the person’s own token, and refuses whom no rule allows', async () => {
      const world = await openWorld()
      const alice = await world.signIn()
      const session = await mint(world.sallyport, 'crm', alice)
      expect(session.status, JSON.stringify(session.body)).toBe(200)
      const answer = await get(world.sallyport, '/orders/orders', session.token)
      expect(answer.status, await answer.clone().text()).toBe(200)
      const [claims] = world.orders.claims
      expect(claims).toMatchObject({ sub: claimsOf(alice).sub, azp: 'sallyport' })
      expect([claims?.aud].flat()).toEqual(['orders-api'])
      const bob = await mint(world.sallyport, 'crm', await world.signIn('bob'))
      expect(bob.body).toMatchObject({ error: 'access_denied', code: 'not_allowed' })
    })

    it('keeps a refreshable grant in OpenBao over a restart, and a cut destroys it there and at Keycloak', async () => {
      const world = await openWorld()
      const alice = await world.signIn()
      const first = await mint(world.sallyport, 'crm', alice)
      expect((await get(world.sallyport, '/stored/orders', first.token)).status).toBe(200)
      const exchanged = world.orders.claims.length
      const restarted = await world.restart()
      const requests = countRequests()
      const second = await mint(restarted, 'crm', alice)
      expect((await get(restarted, '/stored/orders', second.token)).status).toBe(200)
      expect(
        requests.all.filter((it) => it.endsWith('POST /realms/acme/protocol/openid-connect/token')),
        'the stored grant was not used after the restart',
      ).toEqual([])
      expect(world.orders.claims.length).toBe(exchanged + 1)

      const { status, body } = await restarted.admin('POST', '/v1/revocations', {
        scope: { kind: 'user', id: claimsOf(alice).sub },
        cause: 'left the company',
        wait: 'providers',
      })
      expect(status, JSON.stringify(body)).toBe(200)
      expect(body['receipt']).toMatchObject({
        status: 'complete',
        connections: [{ downstream: 'stored', store: 'destroyed', provider: 'revoked' }],
      })
      expect((await get(restarted, '/stored/orders', second.token)).status).toBe(401)
      expect((await mint(restarted, 'crm', alice)).status).toBe(400)
    })

    it('injects a person’s own stored secret, only for that person, until it is cut', async () => {
      const world = await openWorld()
      const alice = await world.signIn()
      const session = await mint(world.sallyport, 'crm', alice)
      expect((await get(world.sallyport, '/legacy/me', session.token)).status).toBe(424)
      const connected = await world.sallyport.admin('POST', '/v1/connections', {
        downstream: 'legacy',
        user: claimsOf(alice).sub,
        value: 'alices-own-key',
      })
      expect(connected.status, JSON.stringify(connected.body)).toBe(200)
      expect((await get(world.sallyport, '/legacy/me', session.token)).status).toBe(200)
      const cut = await world.sallyport.admin('POST', '/v1/revocations', {
        scope: { kind: 'connection', id: connected.body['id'] },
        cause: 'key leaked',
      })
      expect(cut.body['status']).toBe('complete')
      expect((await get(world.sallyport, '/legacy/me', session.token)).status).toBe(424)
      expect((await get(world.sallyport, '/orders/orders', session.token)).status).toBe(200)
    })

    it('ends an open stream with the revocation of its user', async () => {
      const world = await openWorld()
      const alice = await world.signIn()
      const session = await mint(world.sallyport, 'crm', alice)
      const stream = await get(world.sallyport, '/orders/orders/stream', session.token)
      expect(stream.status).toBe(200)
      const reader = stream.body!.getReader()
      await reader.read()
      const ended = reader.read().then(
        ({ done }) => done,
        () => true,
      )
      await world.sallyport.admin('POST', '/v1/revocations', {
        scope: { kind: 'user', id: claimsOf(alice).sub },
        cause: 'left',
      })
      expect(await ended).toBe(true)
    })

    it('does no I/O but its own and the record’s over 10,000 injected calls: 0 to Vault, IdP and database', {
      timeout: 120_000,
    }, async () => {
      const world = await openWorld()
      const session = await mint(world.sallyport, 'crm', await world.signIn())
      for (const path of ['/orders/orders', '/stored/orders']) {
        expect((await get(world.sallyport, path, session.token)).status).toBe(200)
      }
      const database = { calls: 0 }
      for (const method of ['run', 'get', 'all', 'iterate'] as const) {
        const real = StatementSync.prototype[method] as (...given: unknown[]) => unknown
        vi.spyOn(StatementSync.prototype, method).mockImplementation(function (
          this: StatementSync,
          ...given: unknown[]
        ) {
          const text = this.sourceSQL
          // The record's own anchor, every ten seconds, is the record's.
          if (!text.includes('anchors')) database.calls += 1
          return real.apply(this, given) as never
        })
      }
      const requests = countRequests()
      const pool = new Pool(world.sallyport.egress, { connections: 16 })
      const headers = { authorization: `Bearer ${session.token}` }
      const one = async (path: string) => {
        const { statusCode, body } = await pool.request({
          method: 'GET',
          path: `/downstream${path}`,
          headers,
        })
        await body.dump()
        if (statusCode !== 200) throw new Error(`status ${statusCode}`)
      }
      const worker = async (calls: number) => {
        for (let call = 0; call < calls; call += 1)
          await one(call % 2 === 0 ? '/orders/orders' : '/stored/orders')
      }
      await Promise.all(Array.from({ length: 16 }, () => worker(625)))
      await pool.close()
      expect({
        idp: requests.to(here.keycloak!.issuer),
        vault: requests.to(here.openbao!.address),
        database: database.calls,
      }).toEqual({ idp: 0, vault: 0, database: 0 })
      expect(requests.to(world.orders.url)).toBe(10_000)
    })
  },
)
