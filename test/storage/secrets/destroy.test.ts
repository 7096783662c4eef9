import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { epoch, type GrantPlace, SallyportError } from '../../../src/model/index.ts'
import type { Backend } from '../../../src/storage/secrets/backend.ts'
import { grantsOver } from '../../../src/storage/secrets/grants.ts'
import { codeOf, grantWith } from '../../conformance/secrets.ts'
import { clock } from './fake-vault.ts'
import { memoryBackend } from './memory-backend.ts'

const principal = { kind: 'user', tenant: 'acme', issuer: 'i', subject: 'alice' } as const
const place: GrantPlace = {
  tenant: 'acme',
  group: 'crm',
  principal,
  downstream: 'orders',
  audience: 'orders',
}
const tomb = { at: epoch(1), rev: 1, cause: 'revoked' }

describe('destroying', () => {
  it('goes on until it wins, against writers who were quicker each time', async () => {
    const { backend, entries } = memoryBackend()
    let rivals = 0
    const contested: Backend = {
      ...backend,
      async writeCas(role, path, value, expected) {
        if (role === 'keeper' && (rivals += 1) <= 20) {
          const stored = entries.get(path)
          entries.set(path, { ...stored, version: expected + 1 })
          throw new SallyportError('secrets_conflict')
        }
        return backend.writeCas(role, path, value, expected)
      },
    }
    const secrets = grantsOver(contested, { clock, random: randomBytes })
    const version = await secrets.create(place, grantWith(), 0)
    await secrets.destroy(place, tomb)
    expect(await secrets.read(place)).toEqual({ version: version + 21, tomb })
  })

  it('stops at a store that fails otherwise, and finishes when it is called again', async () => {
    const { backend } = memoryBackend()
    const destroyed: number[] = []
    let broken = true
    const failing: Backend = {
      ...backend,
      async destroyOlder(_path, version) {
        if (broken) throw new SallyportError('secrets_unavailable')
        destroyed.push(version)
      },
    }
    const secrets = grantsOver(failing, { clock, random: randomBytes })
    const version = await secrets.create(place, grantWith(), 0)
    expect(await codeOf(secrets.destroy(place, tomb))).toBe('secrets_unavailable')
    broken = false
    await secrets.destroy(place, tomb)
    expect(destroyed).toEqual([version + 1])
  })

  it('forgets a data key that a reader fetched while its tombstone was being written', async () => {
    const { backend, handed } = memoryBackend()
    let meanwhile = async (): Promise<unknown> => undefined
    const slow: Backend = {
      ...backend,
      async writeCas(role, path, value, expected) {
        if (role === 'keeper') await meanwhile()
        return backend.writeCas(role, path, value, expected)
      },
    }
    const secrets = grantsOver(slow, { clock, random: randomBytes })
    await secrets.create(place, grantWith(), 0)
    secrets.forget()
    meanwhile = () => secrets.read(place)
    await secrets.destroyKey('acme', 'crm', principal, tomb)
    expect(handed).toHaveLength(1)
    expect(handed[0]).toEqual(Buffer.alloc(32))
    expect((await secrets.read(place))?.tomb).toEqual(tomb)
  })
})
