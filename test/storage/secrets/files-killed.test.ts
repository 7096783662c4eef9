import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { epoch, type GrantPlace, millis, Secret } from '../../../src/model/index.ts'
import { openFileSecrets } from '../../../src/storage/secrets/files.ts'
import { temporaryFolder } from '../../kit/folder.ts'

const writer = new URL('files-writer.ts', import.meta.url).pathname
const hexKey = randomBytes(32).toString('hex')
const key = new Secret<Uint8Array>(Buffer.from(hexKey, 'hex'), 'store key')
const clock = { now: () => epoch(1_800_000_000), monotonic: () => millis(performance.now()) }
const place: GrantPlace = {
  tenant: 'acme',
  group: 'crm',
  principal: { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' },
  downstream: 'orders',
  audience: 'orders',
}

/** Kill the writer so many acknowledgements from now, wherever it then is in its work. */
async function killAfter(
  child: ChildProcess,
  acknowledgements: number,
  delayMicros: number,
): Promise<number> {
  let last = -1
  let left = acknowledgements
  if (child.stdout === null) throw new Error('no output')
  for await (const line of createInterface(child.stdout)) {
    last = Number(line)
    left -= 1
    if (left !== 0) continue
    const until = performance.now() + delayMicros / 1000
    while (performance.now() < until);
    child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  return last
}

describe('encrypted files under kill -9', () => {
  it('have, at any moment, the version that was acknowledged or the one under way', async () => {
    const dir = temporaryFolder()
    let gen = 0
    for (let round = 0; round < 8; round += 1) {
      const child = spawn(process.execPath, [writer, dir, hexKey, String(gen)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const acknowledged = await killAfter(child, 1 + (round % 4), Math.floor(Math.random() * 3000))
      const secrets = await openFileSecrets({ dir, key }, { clock, random: randomBytes })
      const stored = await secrets.read(place)
      await secrets.close()
      expect([acknowledged, acknowledged + 1]).toContain(stored?.grant?.gen)
      expect(stored?.grant?.rt?.reveal()).toBe(`refresh-${stored?.grant?.gen}`)
      gen = Number(stored?.grant?.gen)
    }
    expect(gen).toBeGreaterThan(8)
    const names = readdirSync(dir, { recursive: true }).map(String)
    expect(names.filter((name) => name.includes('new-'))).toEqual([])
  }, 60_000)
})
