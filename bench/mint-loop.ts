/** Prints how many session tokens this process makes in a second of CPU time: claims, JSON, signature. The argument is for how long. */
import { randomBytes } from 'node:crypto'
import { sessionClaims } from '../src/identity/session/claims.ts'
import { openSigningKeys } from '../src/identity/session/keys.ts'
import { type Access, type Clock, epoch, millis, seconds } from '../src/model/index.ts'
import { accessFixture } from './micro/fixtures.ts'

const clock: Clock = { now: () => epoch(Date.now() / 1000), monotonic: () => millis(performance.now()) }
const keys = openSigningKeys({ algorithm: 'EdDSA', rotation: seconds(43_200) }, { clock })
const base = accessFixture(clock.now())
const options = {
  issuer: 'https://sallyport.example/egress',
  environment: 'production',
  severalLogins: false,
}

function mint(): string {
  const access: Access = { ...base, jti: randomBytes(16).toString('base64url') }
  return keys.sign(sessionClaims(access, clock.now(), options), access.expiresAt)
}

/** Per second of CPU time, as `openssl speed` counts. */
function loop(milliseconds: number): number {
  const start = performance.now()
  const before = process.cpuUsage()
  let made = 0
  while (performance.now() - start < milliseconds) {
    for (let n = 0; n < 100; n += 1) mint()
    made += 100
  }
  const { user, system } = process.cpuUsage(before)
  return (made * 1e6) / (user + system)
}

loop(500)
process.stdout.write(`${loop(Number(process.argv[2] ?? 2) * 1000).toFixed(0)}\n`)
