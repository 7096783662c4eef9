import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printConfig } from '../../src/config/index.ts'
import { Secret } from '../../src/model/index.ts'
import { canary, least, load, tidy } from './written.ts'

const several = `url: https://mcp.example/
tenant: acme
environment: staging
login:
  issuer: https://idp.example
  client: { id: sallyport, secret: file:/run/secret }
  audiences: [sallyport]
  tenant: { claim: tid, value: acme-1 }
  groups: roles
workloads: [{ issuer: https://kubernetes.default.svc, audience: sallyport, subjects: ["system:serviceaccount:crm:*"] }]
key: { passphrase: "\${PASSPHRASE}" }
data: /var/lib/sallyport
servers:
  crm:
    allow: ["group:crm-users", "user:alice", "workload:system:serviceaccount:crm:batch"]
    deny: ["client:old-client"]
    accept: subject-token
    extra_audiences: [account]
    direct: [orders, "orders POST /orders"]
    client: { id: crm, secret: file:/run/other }
  billing:
    resource: https://billing.example/mcp
    audiences: [billing]
    vault_group: crm
    allow: [anyone]
    environment: test
    tools:
      refund:
        class: critical
        uses: [{ op: "orders POST /orders/{id}/refunds", bind: { path.id: order_id }, rest: refuse, times: 1 }]
        approve: { by: finance }
downstreams:
  orders:
    url: https://orders.example:8443/api/v2/
    exchange: { audience: orders-api, scope: orders.read orders.write, refresh: true, extra_audiences: [account] }
    operations:
      - { op: "GET /orders/{id}", class: read }
      - { op: POST /orders, class: write }
      - { op: "POST /orders/{id}/refunds", class: critical }
  mail:
    url: https://mail.example
    client-credentials: { issuer: https://other.example, client: { id: m, key: file:/run/pem }, resource: https://mail.example, scope: [send] }
    operations: [{ op: POST /send, class: write }]
  legacy: { url: http://127.0.0.1:7000, guard: off, static: { header: X-Api-Key, per: all, value: file:/run/other, owner: crm-team } }
  notes: { url: https://notes.example, static: { per: user, header: Authorization, prefix: "Token " } }
vault: { address: https://bao:8200, login: { approle: { role: crm, secret: file:/run/secret } }, mounts: { kv: kv2 } }
listen: { egress: unix:/run/sallyport.sock, admin: "[::1]:9193", telemetry: { address: 0.0.0.0:9185, insecure: true } }
record: { reads: synced, retention: 400d }
session: { lifetime: 10m, key_rotation: 1d, algorithm: ES256 }
network: { allow: [10.0.0.0/8], deny: [10.1.0.0/16] }
limits: { connect: 2 }
log: { level: debug }
`

const pem = `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----\n`
const given = { env: { PASSPHRASE: `${canary}-passphrase` }, files: { '/run/pem': pem } }

describe('short forms and defaults', () => {
  it('make one server named main of the members at the top', async () => {
    const { config } = await load(least)
    expect(config.servers).toEqual([
      {
        name: 'main',
        resource: 'https://crm.example/mcp',
        audiences: ['https://crm.example/mcp'],
        extraAudiences: [],
        acceptSubjectToken: false,
        group: 'main',
        allow: [{ kind: 'group', value: 'crm-users' }],
        deny: [],
        direct: [{ downstream: 'orders' }],
        tools: [],
        environment: 'production',
      },
    ])
  })

  it('take issuer and client of an exchange from the login', async () => {
    const { config } = await load(least)
    const credential = config.downstreams[0]?.credential
    expect(credential).toMatchObject({
      kind: 'exchange',
      issuer: 'https://idp.example',
      audience: 'orders-api',
      scope: ['orders.read'],
      refresh: false,
      client: { id: 'sallyport' },
    })
    expect(credential?.kind === 'exchange' && credential.client.secret?.reveal()).toBe(canary)
  })

  it('work with Keycloak’s access tokens, whose header says JWT', async () => {
    const { config } = await load(least)
    expect(config.login).toMatchObject({ types: ['JWT'], skew: 5, groupsClaim: 'groups', builtIn: false })
    const strict = await load(
      least.replace('issuer: https://idp.example,', 'issuer: https://idp.example, types: [],'),
    )
    expect(strict.config.login.types).toEqual([])
  })

  it('listen on loopback only', async () => {
    const { config } = await load(least)
    expect(config.listen).toEqual({
      egress: { host: '127.0.0.1', port: 9180, insecure: false },
      gateway: { host: '127.0.0.1', port: 9181, insecure: false },
      public: { host: '127.0.0.1', port: 9182, insecure: false },
      admin: { host: '127.0.0.1', port: 9183, insecure: false },
      telemetry: { host: '127.0.0.1', port: 9185, insecure: false },
    })
  })

  it('need nothing at all in dev, not even a file of the usual name', async () => {
    const { config } = await load('', { form: 'dev' })
    expect(config).toMatchObject({
      form: 'dev',
      url: 'http://127.0.0.1:9180',
      tenant: 'dev',
      login: { issuer: 'http://127.0.0.1:9180/dev', builtIn: true },
      throwawayKey: true,
      data: '/etc/sallyport/data',
    })
    expect(config.key.reveal()).toHaveLength(32)
  })

  it('have clients sign in here where there is a client at the IdP, and at the IdP where there is none', async () => {
    const modeOf = async (text: string, form: 'single' | 'dev' = 'single') =>
      (await load(text, { form })).config.login.mode
    expect(await modeOf(least)).toBe('broker')
    expect(
      await modeOf(
        least.replace(', secret: file:/run/secret', '').replace(/exchange: .*/, 'static: { per: user }'),
      ),
    ).toBe('direct')
    expect(await modeOf(least.replace('issuer:', 'mode: direct, issuer:'))).toBe('direct')
    expect(await modeOf('', 'dev')).toBe('broker')
    expect(await modeOf('login: { issuer: http://127.0.0.1:4000 }\n', 'dev')).toBe('direct')
  })

  it('give the spans of sign-in, and what a client that is configured may', async () => {
    const clients = 'clients: { desk: { id: desk, redirects: ["https://desk.example/cb"] } }'
    const { config } = await load(`${least}${clients}\n`)
    expect(config.signIn).toEqual({
      registration: 'known',
      catalog: true,
      access: 3600,
      idle: 43_200,
      absolute: 604_800,
      leeway: 30,
    })
    expect(config.clients).toEqual([
      {
        name: 'desk',
        id: 'desk',
        redirects: ['https://desk.example/cb'],
        grants: ['authorization_code', 'refresh_token'],
      },
    ])
  })

  it('let dev use another sign-in', async () => {
    const { config } = await load('login: { issuer: http://127.0.0.1:4000 }\n', { form: 'dev' })
    expect(config.login).toMatchObject({ issuer: 'http://127.0.0.1:4000', builtIn: false })
  })
})

describe('the long form', () => {
  it('says everything that can be said', async () => {
    const { config } = await load(several, given)
    expect(config).toMatchObject({
      url: 'https://mcp.example',
      tenant: 'acme',
      environment: 'staging',
      login: { groupsClaim: 'roles', tenantClaim: { name: 'tid', value: 'acme-1' } },
      data: '/var/lib/sallyport',
      throwawayKey: false,
      record: { reads: 'synced', retention: 400 * 86_400 },
      session: { lifetime: 600, keyRotation: 86_400, algorithm: 'ES256' },
      limits: { connectTimeout: 2, headersTimeout: 60, idleTimeout: 300 },
      listen: {
        egress: { host: '', port: 0, socket: '/run/sallyport.sock' },
        admin: { host: '::1', port: 9193 },
        telemetry: { host: '0.0.0.0', insecure: true },
      },
      vault: { addresses: ['https://bao:8200'], mounts: { kv: 'kv2', transit: 'sp-transit' } },
    })
    expect(config.key.reveal()).toBe(`${canary}-passphrase`)
    expect(config.vault?.logins.keeper).toBe(config.vault?.logins.runtime)
  })

  it('names the issuers of the subjects in rules', async () => {
    const [crm] = (await load(several, given)).config.servers
    expect(crm?.allow).toEqual([
      { kind: 'group', value: 'crm-users' },
      { kind: 'user', value: 'alice', issuer: 'https://idp.example' },
      {
        kind: 'workload',
        value: 'system:serviceaccount:crm:batch',
        issuer: 'https://kubernetes.default.svc',
      },
    ])
    expect(crm).toMatchObject({
      resource: 'https://mcp.example/crm/mcp',
      audiences: ['sallyport'],
      extraAudiences: ['account'],
      acceptSubjectToken: true,
      direct: [{ downstream: 'orders' }, { downstream: 'orders', operation: 'POST /orders' }],
      client: { id: 'crm' },
    })
  })

  it('keeps bindings of tools', async () => {
    const { servers } = (await load(several, given)).config
    expect(servers[1]?.tools).toEqual([
      {
        name: 'refund',
        class: 'critical',
        approve: { by: 'finance', people: 1 },
        uses: [
          {
            downstream: 'orders',
            operation: 'POST /orders/{id}/refunds',
            bind: { 'path.id': 'order_id' },
            rest: 'refuse',
            times: 1,
          },
        ],
      },
    ])
  })

  it('tells origin and base path of a downstream apart, and the three kinds of credential', async () => {
    const [orders, mail, legacy, notes] = (await load(several, given)).config.downstreams
    expect([orders?.guard, legacy?.guard]).toEqual(['auto', 'off'])
    expect(orders).toMatchObject({
      origin: 'https://orders.example:8443',
      basePath: '/api/v2',
      resource: 'https://orders.example:8443/api/v2',
    })
    expect(orders?.credential).toMatchObject({
      refresh: true,
      scope: ['orders.read', 'orders.write'],
      extraAudiences: ['account'],
    })
    expect(mail?.credential).toMatchObject({
      kind: 'client-credentials',
      issuer: 'https://other.example',
      resource: 'https://mail.example',
    })
    expect(mail?.credential.kind === 'client-credentials' && mail.credential.client.key?.reveal()).toBe(
      pem.trimEnd(),
    )
    expect(legacy?.credential).toMatchObject({
      kind: 'static',
      per: 'all',
      placement: { kind: 'header', name: 'X-Api-Key' },
      owner: 'crm-team',
    })
    expect(notes?.credential).toEqual({
      kind: 'static',
      per: 'user',
      placement: { kind: 'header', name: 'Authorization', prefix: 'Token ' },
    })
  })

  it('is a configuration itself: expanding it again changes nothing', async () => {
    for (const [text, form] of [
      [least, 'single'],
      [several, 'single'],
      ['', 'dev'],
    ] as const) {
      const first = await load(text, { ...given, form })
      const again = await load(printConfig(first.expanded), { ...given, form })
      expect(again.expanded).toEqual(first.expanded)
      expect(again.config.version).toBe(first.config.version)
    }
  })

  it('shows secrets as references only, in whatever way it is printed', async () => {
    const { config, expanded } = await load(several, given)
    for (const text of [JSON.stringify(expanded), printConfig(expanded), JSON.stringify(config)]) {
      expect(text).not.toContain(canary)
    }
    expect(JSON.stringify(expanded)).toContain('file:/run/secret')
  })

  it('is frozen', async () => {
    const { config } = await load(several, given)
    expect(Object.isFrozen(config.servers[0]?.allow[0])).toBe(true)
    expect(Object.isFrozen(config.downstreams[0]?.credential)).toBe(true)
    const { credential } = config.downstreams[0] ?? {}
    expect(credential?.kind === 'exchange' && credential.client.secret).toBeInstanceOf(Secret)
  })
})

describe('the version', () => {
  const version = async (text: string) => (await load(text, given)).config.version

  it('is 16 hex digits, the beginning of the digest', async () => {
    const { config } = await load(least)
    expect(config.version).toMatch(/^[0-9a-f]{16}$/)
    expect(config.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(config.digest.startsWith(config.version)).toBe(true)
  })

  it.each([
    ['a rule', 'group:crm-users', 'group:crm-admins'],
    ['a class', 'class: write', 'class: critical'],
    ['a scope', 'scope: orders.read', 'scope: orders.all'],
    ['an audience', 'audience: orders-api', 'audience: other-api'],
    ['a downstream’s address', 'https://orders.example', 'https://orders2.example'],
    ['an operation', 'POST /orders,', 'POST /order,'],
    ['the issuer', 'issuer: https://idp.example', 'issuer: https://idp2.example'],
  ])('changes with %s', async (_, from, to) => {
    expect(least).toContain(from)
    expect(await version(least.replace(from, to))).not.toBe(await version(least))
  })

  it.each([
    ['a timeout', `${least}limits: { connect: 9s }\n`],
    ['a face', `${least}listen: { telemetry: 127.0.0.1:1 }\n`],
    ['the place of a secret', least.replace('file:/run/secret', 'file:/run/other')],
    [
      'another spelling',
      `# spelt otherwise\n${least.replace('scope: orders.read', 'scope: ["orders.read"]')}`,
    ],
  ])('does not change with %s', async (_, text) => {
    expect(await version(text)).toBe(await version(least))
  })

  it('changes with the tenant claim that refuses others', async () => {
    expect(await version(several.replace('value: acme-1', 'value: acme-2'))).not.toBe(await version(several))
  })
})

describe('warnings', () => {
  const warnings = async (text: string, more = {}) =>
    (await load(text, { ...given, ...more })).config.warnings.map(
      (it) => `${it.line} ${it.path}: ${it.problem}`,
    )

  it.each([
    [
      'a secret that everybody may read',
      least,
      /^2 login\.client\.secret: every user of this machine may read \/run\/secret$/,
      { worldReadable: ['/run/secret'] },
    ],
    [
      'nobody who is allowed',
      least.replace('allow: ["group:crm-users"]\n', ''),
      /allow: nobody may work/,
      {},
    ],
    [
      'a downstream that no server uses',
      least.replace('direct: [orders]\n', ''),
      /^6 downstreams\.orders: no server uses/,
      {},
    ],
    [
      'a tool that asks people',
      `${least}tools: { t: { class: read, uses: [orders], confirm: "?" } }\n`,
      /^13 tools\.t\.confirm: this version cannot ask/,
      {},
    ],
  ])('are given for %s', async (_, text, says, more) => {
    expect(await warnings(text, more)).toEqual(expect.arrayContaining([expect.stringMatching(says)]))
  })

  it('are none for a plain configuration', async () => {
    expect(await warnings(tidy)).toEqual([])
  })
})

describe('references', () => {
  it('fill in the environment, keep $${ and do not look at what is not named', async () => {
    const text = least
      .replace('https://crm.example', '"https://${HOST}"')
      .replace('"group:crm-users"', () => '"group:$${x}"')
    const { config } = await load(text, { env: { HOST: 'crm2.example', x: canary } })
    expect(config.url).toBe('https://crm2.example')
    expect(config.servers[0]?.allow).toEqual([{ kind: 'group', value: '${x}' }])
  })

  it('never turn an environment value into structure', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(0xffff), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
        async (value) => {
          const text = `${least.replace('"group:crm-users"', '"group:x"')}environment: "\${X}"\n`
          const outcome = await load(text, { env: { X: value } }).then(
            ({ config }) => config.environment,
            () => undefined,
          )
          expect(outcome === undefined || outcome === value).toBe(true)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('take away one line end of a secret and nothing else', async () => {
    const secret = async (held: string) => {
      const { credential } =
        (await load(least, { files: { '/run/secret': held } })).config.downstreams[0] ?? {}
      return credential?.kind === 'exchange' ? credential.client.secret?.reveal() : undefined
    }
    expect(await secret('a b\r\n')).toBe('a b')
    expect(await secret('ab')).toBe('ab')
  })

  it('begin at the folder of the configuration file', async () => {
    const { config } = await load(least.replace('file:/run/key', 'file:keys/k'), {
      files: { '/etc/sallyport/keys/k': new Uint8Array(40).fill(3) },
    })
    expect(config.key.reveal()).toHaveLength(40)
  })
})
