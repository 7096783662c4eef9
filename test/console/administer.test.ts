import { describe, expect, it } from 'vitest'
import {
  type AdminEndpoint,
  connect,
  findInstance,
  type Output,
  revoke,
  sayInLog,
  show,
} from '../../src/console/index.ts'
import { startInstance } from '../kit/instance.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { join } from 'node:path'

function output(json = false): Output & { readonly said: string[] } {
  const said: string[] = []
  return { json, said, line: (text) => void said.push(text), progress: () => {} }
}

async function open(): Promise<AdminEndpoint> {
  const { folder } = await startInstance({
    form: 'dev',
    config: () => `servers:
  crm: { url: "http://127.0.0.1:1/mcp", allow: [anyone], direct: [legacy] }
downstreams:
  legacy: { url: "http://127.0.0.1:9", static: { header: X-Key, per: user }, operations: [{ op: "GET /me", class: read }] }
`,
  })
  return findInstance(join(folder, 'data'))
}

describe('the verbs of an administrator', () => {
  it('name the remedy where no instance runs', () => {
    expect(() => findInstance(temporaryFolder())).toThrow(
      expect.objectContaining({
        code: 'state_unavailable',
        facts: expect.objectContaining({ field: '--data' }),
      }),
    )
  })

  it('are denied with another capability than this start’s', async () => {
    const endpoint = { ...(await open()), capability: 'sp_adm_guessed' }
    const said = output()
    expect(await show('/v1/status', endpoint, said)).toBe(3)
    expect(said.said.join('\n')).toContain('admin_auth_failed')
  })

  it('refuse a scope that names nothing configured: field, remedy, and nothing is cut', async () => {
    const endpoint = await open()
    const said = output()
    const words = { scope: { kind: 'downstream', id: 'legasy' }, cause: 'test', wait: 'fence' } as const
    expect(await revoke(words, endpoint, said)).toBe(1)
    expect(said.said).toEqual([
      expect.stringContaining('request_malformed'),
      '  field: scope.id',
      expect.stringContaining('no downstream of this name'),
    ])
    const status = output(true)
    await show('/v1/status', endpoint, status)
    expect(JSON.parse(status.said[0]!)).toMatchObject({ log: { seq: 1 } })
  })

  it('connect a person, show it, revoke the person with a receipt, and lift the hold', async () => {
    const endpoint = await open()
    const said = output()
    expect(await connect({ downstream: 'legacy', user: 'alice', value: 'a-key' }, endpoint, said)).toBe(0)
    expect(await show('/v1/connections', endpoint, said)).toBe(0)
    const words = { scope: { kind: 'user', id: 'alice' }, cause: 'left', wait: 'providers' } as const
    expect(await revoke(words, endpoint, said)).toBe(0)
    expect(await show('/v1/holds', endpoint, said)).toBe(0)
    const release = { scope: words.scope, cause: 'back' }
    expect(await sayInLog('/v1/releases', release, endpoint, said)).toBe(0)
    expect(await show('/v1/holds', endpoint, said)).toBe(0)
    const text = said.said.join('\n')
    expect(text).toMatch(/legacy {2}user alice of .* active/)
    expect(text).toMatch(/^complete {2}revocation \S+ is entry 2 of the log/m)
    expect(text).toMatch(/connection c-\S+ at legacy: destroyed, provider: unsupported/)
    expect(text).toMatch(/entry 2 {2}user alice/)
    expect(said.said.at(-1)).toBe('no holds')
    expect(text).not.toContain('a-key')
  })

  it('switch off, show what is off, and switch on again', async () => {
    const endpoint = await open()
    const said = output()
    const words = { scope: { kind: 'client', id: 'desktop' }, cause: 'gone wild' }
    expect(await sayInLog('/v1/switches/off', words, endpoint, said)).toBe(0)
    expect(await show('/v1/switches', endpoint, said)).toBe(0)
    expect(await sayInLog('/v1/switches/on', words, endpoint, said)).toBe(0)
    expect(await show('/v1/switches', endpoint, said)).toBe(0)
    expect(said.said[1]).toMatch(/^entry 2 {2}client desktop is off$/)
    expect(said.said.at(-1)).toBe('no switches')
  })

  it('say the same to programs', async () => {
    const endpoint = await open()
    const said = output(true)
    const words = { id: 'a-known-id', scope: { kind: 'tenant' }, cause: 'drill', wait: 'fence' } as const
    expect(await revoke(words, endpoint, said)).toBe(0)
    expect(await revoke(words, endpoint, said)).toBe(0)
    const [first, again] = said.said.map((line) => JSON.parse(line) as { jws: string; receipt: object })
    expect(first?.receipt).toMatchObject({ id: 'a-known-id', status: 'complete', hold: false })
    expect(again?.jws).toBe(first?.jws)
  })
})
