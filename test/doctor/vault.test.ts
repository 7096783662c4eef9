/** What answers in a vault's place, and what of a trial went wrong. The rest is tried on a real one. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { vaultFinding } from '../../src/console/doctor/vault.ts'
import { asSallyportError, SallyportError } from '../../src/model/index.ts'
import { tryGrant } from '../../src/storage/secrets/canary.ts'
import { memorySecrets } from '../kit/memory-secrets.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { examine } from './rig.ts'

async function look(status: number, body: string, headers: Record<string, string> = {}) {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const found = await examine({
    form: 'dev',
    config: `
servers: { crm: { allow: [anyone], direct: [] } }
vault: { address: "http://127.0.0.1:${port}", login: { token: file:token } }
`,
    files: { token: 'the-token-of-the-vault' },
  })
  expect(found.text).not.toContain('the-token-of-the-vault')
  return found.findings.filter(({ code }) => code.startsWith('vault_')).map(({ code }) => code)
}

describe('what answers in a vault’s place', () => {
  test.each([
    ['vault_new', 501, '{"initialized":false,"sealed":true}'],
    ['vault_sealed', 503, '{"initialized":true,"sealed":true}'],
    ['vault_foreign', 200, '<html>'],
    ['vault_foreign', 200, '{"hello":"world"}'],
  ])('%s', async (code, status, body) => {
    expect(await look(status, body)).toEqual([code])
  })

  test('vault_redirects', async () => {
    expect(await look(307, '', { location: 'http://127.0.0.1:9/v1/sys/health' })).toEqual(['vault_redirects'])
  })

  test('vault_files', async () => {
    const { findings } = await examine({
      form: 'dev',
      config: 'servers: { crm: { allow: [anyone], direct: [] } }',
    })
    expect(findings.map(({ code }) => code)).toContain('vault_files')
  })

  test('vault_away', () => {
    expect(vaultFinding({ kind: 'away' }, 'acme').code).toBe('vault_away')
  })
})

describe('the grant for a trial', () => {
  const place = { tenant: 'acme', group: 'crm' }
  const deps = { clock: steppedClock(), random: (bytes: number) => Buffer.alloc(bytes, 7) }

  test('is written, kept from a second writer, and destroyed', async () => {
    expect(await tryGrant(memorySecrets(), place, deps)).toBeUndefined()
  })

  test('names what a store cannot do', async () => {
    const secrets = memorySecrets()
    const update = () =>
      Promise.reject(new SallyportError('secrets_denied', { field: 'vault.login (runtime)' }))
    const fault = await tryGrant({ ...secrets, update }, place, deps)
    expect(fault).toMatchObject({ what: 'kept from a second writer' })
    const destroy = () => Promise.reject(asSallyportError(new Error('x')))
    const other = await tryGrant({ ...memorySecrets(), destroy }, place, deps)
    expect(other).toMatchObject({ what: 'destroyed', code: 'internal' })
    const found = vaultFinding(
      { kind: 'canary', group: 'crm', what: 'destroyed', code: 'internal', field: 'f' },
      'acme',
    )
    expect(found).toMatchObject({ code: 'vault_canary_failed', verdict: 'wrong', setting: 'f' })
  })
})
