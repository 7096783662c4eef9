import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { epoch, type Grant, type GrantPlace, millis, Secret } from '../../../src/model/index.ts'
import { openFileSecrets } from '../../../src/storage/secrets/files.ts'

/** Writes one grant again and again until it is killed, and says the `gen` of each write once it is on the disk. */
const [dir = '', hexKey = '', from = '0'] = process.argv.slice(2)

const place: GrantPlace = {
  tenant: 'acme',
  group: 'crm',
  principal: { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' },
  downstream: 'orders',
  audience: 'orders',
}
const grantOf = (gen: number): Grant => ({
  v: 1,
  gen,
  rt: new Secret(`refresh-${gen}`, 'refresh token'),
  status: 'active',
  rev: 1,
  registration: 'client',
  scopes: [],
})

const key = new Secret<Uint8Array>(Buffer.from(hexKey, 'hex'), 'store key')
const clock = { now: () => epoch(1_800_000_000), monotonic: () => millis(performance.now()) }
const secrets = await openFileSecrets({ dir, key }, { clock, random: randomBytes })
let version = (await secrets.read(place))?.version ?? 0
for (let gen = Number(from) + 1; ; gen += 1) {
  version = await (version === 0
    ? secrets.create(place, grantOf(gen), 0)
    : secrets.update(place, grantOf(gen), version))
  writeSync(1, `${gen}\n`)
}
