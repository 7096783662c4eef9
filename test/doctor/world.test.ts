/** What is around a configuration: addresses, names, certificates, and downstreams that take a credential or not. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { dirname, join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { certificateFor } from '../kit/certificate.ts'
import { runCli } from '../kit/cli.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { freePorts, startInstance } from '../kit/instance.ts'
import { examine } from './rig.ts'

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const config = (rest: string): string => `
server: http://127.0.0.1:3000/mcp
allow: [anyone]
${rest}
`

/** Findings about one downstream. */
async function reached(url: string, more = '') {
  const found = await examine({
    form: 'dev',
    config: `
downstreams:
  orders: { url: "${url}", ${more} static: { per: user }, operations: [{ op: GET /orders, class: read }] }
`,
    words: { seconds: 3 },
  })
  return found.findings.filter(({ says }) => says.startsWith('Downstream orders'))
}

describe('a downstream', () => {
  test('whose port is closed', async () => {
    const port = await listening(createServer())
    const closed = createServer()
    const gone = await listening(closed)
    closed.close()
    expect((await reached(`http://127.0.0.1:${port}`))[0]?.code).toBe('downstream_reached')
    const [found] = await reached(`http://127.0.0.1:${gone}`)
    expect(found).toMatchObject({ code: 'port_closed', setting: 'downstreams.orders.url' })
  })

  test('whose name is none', async () => {
    const [found] = await reached('https://nobody.invalid')
    expect(found).toMatchObject({ code: 'name_unknown', setting: 'downstreams.orders.url' })
  })

  test('whose address is never dialled', async () => {
    const [found] = await reached('http://169.254.169.254', 'insecure: true,')
    expect(found).toMatchObject({ code: 'address_refused', setting: 'network.allow' })
  })

  test('whose certificate nobody vouches for', async () => {
    const { key, cert } = certificateFor('127.0.0.1')
    const port = await listening(createTlsServer({ key, cert }))
    const [found] = await reached(`https://127.0.0.1:${port}`)
    expect(found?.code).toBe('tls_untrusted')
    expect(found?.setting).toContain('NODE_EXTRA_CA_CERTS')
  })

  test('that does not speak TLS', async () => {
    const port = await listening(createServer())
    const [found] = await reached(`https://127.0.0.1:${port}`)
    expect(found).toMatchObject({ code: 'tls_absent', setting: 'downstreams.orders.url' })
  })

  test('whose certificate is another one’s, or at its end', async () => {
    const { diagnoseConnection } = await import('../../src/console/doctor/connection.ts')
    const place = { what: 'x', url: 'https://x.example', field: 'f', trust: 't' }
    const code = (name: string) =>
      diagnoseConnection(Object.assign(new Error('x'), { code: name }), place, 1).code
    expect(code('ERR_TLS_CERT_ALTNAME_INVALID')).toBe('tls_other_name')
    expect(code('CERT_HAS_EXPIRED')).toBe('tls_expired')
    expect(code('ETIMEDOUT')).toBe('no_connection')
    expect(code('ECONNRESET')).toBe('broken_off')
  })
})

describe('--call', () => {
  async function called(status: number, call: string, credential: string) {
    const seen: string[] = []
    const port = await listening(
      createServer((request, response) => {
        seen.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''}`)
        response.writeHead(status).end('foreign words')
      }),
    )
    const found = await examine({
      form: 'dev',
      config: `
downstreams:
  orders:
    url: http://127.0.0.1:${port}/api
    ${credential}
    operations: [{ op: "GET /orders/{id}", class: read }, { op: "DELETE /orders/{id}", class: critical }, { op: "GET /secrets", class: never }]
`,
      files: { key: 'the-key-of-the-downstream' },
      words: { calls: [call] },
    })
    expect(found.text).not.toContain('the-key-of-the-downstream')
    expect(found.text).not.toContain('foreign words')
    return {
      seen,
      codes: found.findings.filter(({ code }) => code.startsWith('call_')).map(({ code }) => code),
    }
  }
  const fixed = 'static: { per: all, value: file:key, owner: crm }'

  test.each([
    [200, 'call_done'],
    [403, 'call_refused'],
    [500, 'call_failed'],
  ])('answered %i', async (status, code) => {
    const { codes, seen } = await called(status, 'orders GET /orders/7', fixed)
    expect(codes).toEqual([code])
    expect(seen).toEqual(['GET /api/orders/7 Bearer the-key-of-the-downstream'])
  })

  test.each([
    'orders DELETE /orders/7',
    'orders GET /secrets',
    'orders GET /other',
    'nobody GET /x',
    'orders',
  ])('is never made for %s', async (call) => {
    const { codes, seen } = await called(200, call, fixed)
    expect(codes).toEqual(['call_unlisted'])
    expect(seen).toEqual([])
  })

  test('is not made without a credential', async () => {
    const { codes, seen } = await called(200, 'orders GET /orders/7', 'static: { per: user }')
    expect(codes).toEqual(['call_without_credential'])
    expect(seen).toEqual([])
  })
})

describe('the program', () => {
  async function written(text: string): Promise<string> {
    const path = join(temporaryFolder(), 'sallyport.yaml')
    writeFileSync(path, text)
    return path
  }

  test('names every fault of a configuration that does not load, and ends with 1', async () => {
    const { code, out } = await runCli(['doctor', await written('server: 5\nallow: nobody\n')])
    expect(code).toBe(1)
    expect(out).toContain('WRONG')
    expect(out).toContain('sallyport.yaml:1')
    expect(out).toContain('sallyport.yaml:2')
    expect(out).toContain('config_invalid')
  })

  test('ends with 4 where not everything could be tried, and says what', async () => {
    const ports = await freePorts()
    const listen = Object.entries(ports).map(([face, port]) => `${face}: "127.0.0.1:${port}"`)
    const text = config(`listen: { ${listen.join(', ')} }`).replaceAll(
      '3000',
      String(await listening(createServer())),
    )
    const { code, out, err } = await runCli(['doctor', await written(text)])
    expect([code, err]).toEqual([4, ''])
    expect(out).toContain('url_not_tried')
    expect(out).toContain('Every listen address can be had')
  })

  test('says what is right, and what is worth knowing', async () => {
    const port = await listening(createServer())
    const ports = await freePorts()
    const listen = Object.entries(ports).map(([face, it]) => `${face}: "127.0.0.1:${it}"`)
    const path = await written(`
listen: { ${listen.join(', ')} }
server: http://127.0.0.1:${port}/mcp
downstreams:
  a: { url: "http://127.0.0.1:${port}", static: { per: all, value: "\${KEY}", owner: x }, operations: [{ op: GET /x, class: read }] }
  b: { url: "http://127.0.0.1:${port}/b", static: { per: user }, operations: [{ op: GET /x, class: read }] }
`)
    const { out } = await runCli(['doctor', '--json', path], { env: { KEY: 'the-key-of-the-downstream' } })
    const { findings } = JSON.parse(out) as { findings: { code: string; verdict: string }[] }
    const codes = findings.map(({ code }) => code)
    expect(codes).toContain('config_warning')
    expect(codes.filter((code) => code !== 'config_warning')).toEqual([
      'config_loads',
      'instance_absent',
      'addresses_free',
      'url_not_tried',
      'vault_files',
      'server_reached',
      'downstream_reached',
      'static_present',
      'downstream_reached',
      'static_per_user',
    ])
    expect(out).not.toContain('the-key-of-the-downstream')
  })

  test('names a listen address that is taken, and one that is not ours', async () => {
    const port = await listening(createServer())
    const path = await written(`
url: https://crm.example
login: { issuer: "http://127.0.0.1:9" }
key: file:key
listen: { admin: "127.0.0.1:${port}", egress: { address: "192.0.2.1:9180", insecure: true } }
${config('')}`)
    writeFileSync(join(dirname(path), 'key'), 'k'.repeat(32), { mode: 0o600 })
    const { code, out } = await runCli(['doctor', '--json', '--seconds', '2', path])
    const { findings } = JSON.parse(out) as { findings: { code: string; setting?: string }[] }
    const named = findings.filter(({ code }) => code.startsWith('address_'))
    expect(code).toBe(1)
    expect(named).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ code: 'address_taken', setting: 'listen.admin' }),
        expect.objectContaining({ code: 'address_not_here', setting: 'listen.egress' }),
      ]),
    )
  })

  test('says whether an instance runs, and whether this configuration is in force there', async () => {
    const { folder, stop } = await startInstance({
      form: 'dev',
      config: () => 'allow: [anyone]\nserver: http://127.0.0.1:9\n',
    })
    const path = join(folder, 'sallyport.yaml')
    expect((await runCli(['doctor', path])).out).toContain(
      'An instance runs on this data folder, with this policy',
    )
    writeFileSync(path, 'allow: [anyone]\nserver: http://127.0.0.1:10\ndata: ./data\n')
    expect((await runCli(['doctor', path])).out).toContain('instance_other_policy')
    await stop()
    expect((await runCli(['doctor', path])).out).toContain('instance_absent')
  }, 30_000)

  test('takes no token for an argument', async () => {
    const { code, out, err } = await runCli(['doctor', '--subject', 'eyJ.eyJ.x', await written('')])
    expect(code).toBe(1)
    expect(err).toContain('--subject')
    expect(`${out}${err}`).not.toContain('eyJ')
  })
})

test('a data folder that cannot be written', async () => {
  const found = await examine({ form: 'dev', config: config(''), here: { writable: () => false } })
  expect(found.wrong).toContain('data_unwritable')
})

test('a step that fails is not looked at, and not wrong', async () => {
  const writable = () => {
    throw new Error('foreign words')
  }
  const found = await examine({ form: 'dev', config: config(''), here: { writable } })
  expect(found.untried).toContain('step_failed')
  expect(found.text).not.toContain('foreign words')
})

test('a step that takes too long is left', async () => {
  const silent = createServer(() => undefined)
  const port = await listening(silent)
  onTestFinished(() => silent.closeAllConnections())
  const found = await examine({
    config: `
url: https://crm.example
login: { issuer: "http://127.0.0.1:${port}" }
server: http://127.0.0.1:3000/mcp
allow: [anyone]
`,
    words: { seconds: 1 },
  })
  expect(found.untried).toContain('step_out_of_time')
})
