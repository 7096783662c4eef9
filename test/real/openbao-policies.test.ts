import { beforeAll, describe, expect, it } from 'vitest'
import { type BaoAddress, bao, parts } from '../kit/parts.ts'
import { runSetup, setUpTenant, tokenOf } from '../storage/secrets/openbao.ts'

const here = parts().openbao
const at = here as BaoAddress

type Role = 'runtime' | 'connecting' | 'keeper'
type Attempt = readonly [method: string, path: string, body?: unknown]

const roles: readonly Role[] = ['runtime', 'connecting', 'keeper']
const bytes = Buffer.from('x').toString('base64')
const write = (cas: number): unknown => ({ data: { v: 1 }, options: { cas } })

describe.skipIf(here === undefined)('the policies of the three logins, on a real server', () => {
  let kv: string
  let transit: string
  let tokens: Record<Role, string>
  /** Wrapped and sealed texts of a group and a tenant, made by root. */
  const texts: Record<string, string> = {}

  beforeAll(async () => {
    const options = await setUpTenant(at, { tenant: 'acme', groups: ['crm'] })
    await setUpTenant(at, { tenant: 'acme', groups: ['hr'], like: options })
    await setUpTenant(at, { tenant: 'acme', groups: ['login'], like: options })
    await setUpTenant(at, { tenant: 'globex', groups: ['crm'], like: options })
    // Setting up `hr` alone has taken `crm` from the logins of the same name; the first set-up counts again.
    await setUpTenant(at, { tenant: 'acme', groups: ['crm'], like: options })
    kv = options.mounts.kv
    transit = options.mounts.transit
    for (const place of ['t/acme/g/crm', 't/acme/g/hr', 't/acme/g/login', 't/globex/g/crm']) {
      await bao(at, 'POST', `${kv}/data/${place}/grants/u/g`, write(0))
      await bao(at, 'POST', `${kv}/data/${place}/keys/u`, write(0))
    }
    for (const tenant of ['acme', 'globex'])
      await bao(at, 'POST', `${kv}/data/t/${tenant}/outbox/there`, write(0))
    for (const name of [
      'kek.acme.crm',
      'kek.acme.hr',
      'kek.acme.login',
      'kek.globex.crm',
      'out.acme',
      'out.globex',
    ]) {
      const { data } = await bao(at, 'POST', `${transit}/encrypt/${name}`, { plaintext: bytes })
      texts[name] = data.ciphertext as string
    }
    tokens = {
      runtime: await tokenOf(at, options.logins.runtime),
      connecting: await tokenOf(at, options.logins.connecting),
      keeper: await tokenOf(at, options.logins.keeper),
    }
  })

  /** The status of the attempt: 2xx and 404 mean allowed, 403 refused. */
  async function attempt(role: Role, [method, path, body]: Attempt): Promise<number> {
    const response = await fetch(`${at.address}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': tokens[role] },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    await response.arrayBuffer()
    return response.status
  }

  /** Everything that one of the logins needs in a group, each with who may do it. */
  const inGroup = (
    tenant: string,
    group: string,
  ): [what: string, who: readonly Role[], attempt: Attempt][] => {
    const place = `t/${tenant}/g/${group}`
    const kek = `kek.${tenant}.${group}`
    const fresh = Math.random().toString(36).slice(2)
    return [
      ['reads a grant', ['runtime', 'connecting', 'keeper'], ['GET', `${kv}/data/${place}/grants/u/g`]],
      ['reads a key', ['runtime', 'connecting', 'keeper'], ['GET', `${kv}/data/${place}/keys/u`]],
      [
        'updates a grant',
        ['runtime', 'connecting', 'keeper'],
        ['POST', `${kv}/data/${place}/grants/u/g`, write(99)],
      ],
      [
        'creates a grant',
        ['connecting', 'keeper'],
        ['POST', `${kv}/data/${place}/grants/u/${fresh}`, write(9)],
      ],
      ['updates a key', ['connecting', 'keeper'], ['POST', `${kv}/data/${place}/keys/u`, write(99)]],
      ['creates a key', ['connecting', 'keeper'], ['POST', `${kv}/data/${place}/keys/${fresh}`, write(9)]],
      ['wraps a key', ['connecting'], ['POST', `${transit}/encrypt/${kek}`, { plaintext: bytes }]],
      ['unwraps a key', ['runtime'], ['POST', `${transit}/decrypt/${kek}`, { ciphertext: texts[kek] }]],
      [
        'asks for the index key',
        ['runtime'],
        ['POST', `${transit}/hmac/idx.${tenant}.${group}/sha2-256`, { input: bytes }],
      ],
      [
        'destroys versions of a grant',
        ['keeper'],
        ['PUT', `${kv}/destroy/${place}/grants/u/g`, { versions: [77] }],
      ],
      [
        'destroys versions of a key',
        ['keeper'],
        ['PUT', `${kv}/destroy/${place}/keys/u`, { versions: [77] }],
      ],
      ['reads which versions a grant has', ['keeper'], ['GET', `${kv}/metadata/${place}/grants/u/g`]],
      ['lists principals', [], ['GET', `${kv}/metadata/${place}/keys?list=true`]],
      ['lists grants', [], ['GET', `${kv}/metadata/${place}/grants/u?list=true`]],
      ['deletes a grant bare', [], ['DELETE', `${kv}/data/${place}/grants/u/g`]],
      ['deletes a key bare', [], ['DELETE', `${kv}/data/${place}/keys/u`]],
      ['undeletes', [], ['POST', `${kv}/undelete/${place}/keys/u`, { versions: [1] }]],
      ['deletes an entry with its history', [], ['DELETE', `${kv}/metadata/${place}/keys/u`]],
      ['changes the wrapping key', [], ['POST', `${transit}/keys/${kek}/config`, { deletion_allowed: true }]],
      ['rotates the wrapping key', [], ['POST', `${transit}/keys/${kek}/rotate`]],
      ['exports the wrapping key', [], ['GET', `${transit}/export/encryption-key/${kek}`]],
      ['makes a transit key', [], ['POST', `${transit}/keys/kek.${tenant}.${fresh}`, {}]],
    ]
  }

  const inOutbox = (tenant: string): [what: string, who: readonly Role[], attempt: Attempt][] => {
    const fresh = Math.random().toString(36).slice(2)
    const out = `out.${tenant}`
    return [
      [
        'puts a new job into the outbox',
        ['runtime', 'keeper'],
        ['POST', `${kv}/data/t/${tenant}/outbox/${fresh}`, write(9)],
      ],
      [
        'replaces a job in the outbox',
        ['keeper'],
        ['POST', `${kv}/data/t/${tenant}/outbox/there`, write(99)],
      ],
      ['reads the outbox', ['keeper'], ['GET', `${kv}/data/t/${tenant}/outbox/there`]],
      ['seals for the outbox', ['runtime'], ['POST', `${transit}/encrypt/${out}`, { plaintext: bytes }]],
      [
        'unseals from the outbox',
        ['keeper'],
        ['POST', `${transit}/decrypt/${out}`, { ciphertext: texts[out] }],
      ],
      [
        'destroys in the outbox',
        ['keeper'],
        ['PUT', `${kv}/destroy/t/${tenant}/outbox/there`, { versions: [77] }],
      ],
      ['lists the outbox', [], ['GET', `${kv}/metadata/t/${tenant}/outbox?list=true`]],
    ]
  }

  async function table(rows: ReturnType<typeof inGroup>): Promise<string[]> {
    const lines: string[] = []
    for (const [what, , tried] of rows) {
      for (const role of roles) {
        const status = await attempt(role, tried)
        if (status >= 500) throw new Error(`${role} ${what}: ${status}`)
        if (status !== 403) lines.push(`${role} ${what}`)
      }
    }
    return lines.sort()
  }

  const wanted = (rows: ReturnType<typeof inGroup>): string[] =>
    rows.flatMap(([what, who]) => who.map((role) => `${role} ${what}`)).sort()

  it('refuse each login everything in another vault group', async () => {
    expect(await table(inGroup('acme', 'hr'))).toEqual([])
  })

  it('refuse each login of a server people’s sign-ins', async () => {
    expect(await table(inGroup('acme', 'login'))).toEqual([])
  })

  it('refuse each login everything in another tenant', async () => {
    expect(await table([...inGroup('globex', 'crm'), ...inOutbox('globex')])).toEqual([])
  })

  it('refuse each login what is the others’, and nothing that is its own', async () => {
    const rows = [...inGroup('acme', 'crm'), ...inOutbox('acme')]
    expect(await table(rows)).toEqual(wanted(rows))
  })

  it('refuse paths that step out of their place', async () => {
    for (const role of roles) {
      for (const path of [
        `${kv}/data/t/acme/g/crm/grants/u/../../../hr/grants/u/g`,
        `${kv}/data/t/acme/g/crm/grants/%2e%2e/%2e%2e/hr`,
        `${kv}/data/t/acme/g/crm/grants/u/g/x`,
      ]) {
        const status = await attempt(role, ['GET', path])
        expect([400, 403]).toContain(status)
      }
    }
  })

  it('come from a set-up that changes nothing when it is run again', async () => {
    const args = [
      '--tenant',
      'acme',
      '--group',
      'crm',
      '--kv',
      kv,
      '--transit',
      transit,
      '--approle',
      'approle-twice',
    ]
    await runSetup(at, args)
    const again = await runSetup(at, args)
    expect(again.steps.filter(({ state }) => state !== 'kept')).toEqual([])
  })
})
