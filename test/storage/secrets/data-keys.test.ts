import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Principal } from '../../../src/model/index.ts'
import { createDataKeys, type DataKeys, type Owner } from '../../../src/storage/secrets/data-keys.ts'
import { memoryBackend } from './memory-backend.ts'

const zeros = Buffer.alloc(32)

const owner = (subject: string): Owner => {
  const principal: Principal = { kind: 'user', tenant: 'acme', issuer: 'i', subject }
  return { tenant: 'acme', group: 'crm', uh: subject, principal }
}

function fixture(capacity: number) {
  const memory = memoryBackend()
  const random = (size: number): Buffer => {
    const made = randomBytes(size)
    if (size === 32) memory.handed.push(made)
    return made
  }
  return { ...memory, keys: createDataKeys({ backend: memory.backend, random, capacity }) }
}

const kidOf = (keys: DataKeys, who: Owner): Promise<string> => keys.withNewest(who, (_key, kid) => kid)

describe('data keys in memory', () => {
  it('are wiped when they are forgotten, of one principal or of all', async () => {
    const { keys, handed } = fixture(10)
    await kidOf(keys, owner('alice'))
    await kidOf(keys, owner('bob'))
    const [alice, bob] = handed
    expect([alice, bob]).not.toContainEqual(zeros)
    keys.forget(owner('alice').principal)
    expect(alice).toEqual(zeros)
    expect(bob).not.toEqual(zeros)
    keys.forget()
    expect(bob).toEqual(zeros)
  })

  it('are wiped when others push them out, the least recently used first', async () => {
    const { keys, handed } = fixture(2)
    const kid = await kidOf(keys, owner('alice'))
    await kidOf(keys, owner('bob'))
    await keys.withKey(owner('alice'), kid, () => undefined)
    await kidOf(keys, owner('carol'))
    expect(handed.map((key) => key.equals(zeros))).toEqual([false, true, false])
  })

  it('are fetched once, and again after they were forgotten', async () => {
    const { keys, unwraps } = fixture(10)
    const kid = await kidOf(keys, owner('alice'))
    for (let n = 0; n < 3; n += 1) await keys.withKey(owner('alice'), kid, () => undefined)
    expect(unwraps()).toBe(0)
    keys.forget()
    for (let n = 0; n < 3; n += 1) await keys.withKey(owner('alice'), kid, () => undefined)
    expect(unwraps()).toBe(1)
  })

  it('are used whole, once, and not kept when they arrive after a forget', async () => {
    const { keys, handed, unwraps, hold } = fixture(10)
    const kid = await kidOf(keys, owner('alice'))
    const key = Buffer.from(handed[0] ?? zeros)
    keys.forget()
    let open = (): void => undefined
    hold(new Promise((resolve) => (open = resolve)))
    const reading = keys.withKey(owner('alice'), kid, (lent) => Buffer.from(lent))
    await Promise.resolve()
    while (unwraps() === 0) await Promise.resolve()
    keys.forget(owner('alice').principal)
    open()
    expect(await reading).toEqual({ value: key })
    expect(handed.at(-1)).toEqual(zeros)
  })

  it('are never lent wiped, whatever comes in between', async () => {
    const { keys } = fixture(1)
    const people = ['alice', 'bob', 'carol'].map(owner)
    const kids = await Promise.all(people.map((who) => kidOf(keys, who)))
    const uses = Array.from({ length: 60 }, async (_, n) => {
      if (n % 7 === 0) keys.forget()
      const who = people[n % 3]
      const kid = kids[n % 3]
      if (who === undefined || kid === undefined) return expect.unreachable()
      const used = await keys.withKey(who, kid, (key) => key.equals(zeros))
      expect(used).toEqual({ value: false })
      return undefined
    })
    await Promise.all(uses)
  })
})
