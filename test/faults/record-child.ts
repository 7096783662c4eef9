/**
 * Records without end, and says on standard output what was acknowledged: `<chain> <n> <request> <grade>`.
 * Arguments: directory of records, file with the private key (PKCS8 PEM), file for anchors.
 */
import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { type Anchor, intent, outcome } from '../audit/events.ts'
import { openAudit } from '../../src/audit/index.ts'
import { millis, Secret } from '../../src/model/index.ts'
import { quietLog } from '../kit/quiet.ts'

const [, , directory = '', keyFile = '', anchorFile = ''] = process.argv
const key = createPrivateKey(readFileSync(keyFile))
const { kty = '', crv = '', x = '' } = createPublicKey(key).export({ format: 'jwk' })
const known: Anchor[] = existsSync(anchorFile) ? JSON.parse(readFileSync(anchorFile, 'utf8')) : []

const audit = await openAudit(
  {
    directory,
    reads: 'handed',
    segmentBytes: 40_000,
    heads: { lines: 50, seconds: 1 },
    anchorEverySeconds: 0.01,
  },
  {
    clock: { monotonic: () => millis(performance.now()) },
    nowMs: () => Date.now(),
    random: randomBytes,
    sign: (bytes) => sign(null, bytes, key),
    publicKey: { kty, crv, x },
    fingerprintKey: new Secret(randomBytes(32), 'fingerprint key'),
    anchors: {
      list: async () => known,
      put: async (anchor) => {
        const all = [...known.filter(({ chain }) => chain !== anchor.chain), anchor]
        writeFileSync(`${anchorFile}.new`, JSON.stringify(all))
        renameSync(`${anchorFile}.new`, anchorFile)
      },
    },
    log: quietLog,
  },
)

async function requests(worker: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const request = `w${worker}-${index}`
    const recorded = await audit.begin(intent(request), worker === 0 ? 'synced' : 'handed')
    writeSync(1, `${recorded.chain} ${recorded.n} ${request} ${recorded.durability}\n`)
    audit.finish(recorded, outcome(request))
    if (worker !== 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

await Promise.all([0, 1, 2].map(requests))
