import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { epoch, millis, Secret } from '../../../src/model/index.ts'
import { openFileSecrets } from '../../../src/storage/secrets/files.ts'
import { secretsConformance } from '../../conformance/secrets.ts'

secretsConformance('encrypted files', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-secrets-'))
  const key = new Secret<Uint8Array>(randomBytes(32), 'store key')
  let now = 0
  const clock = { now: () => epoch(now), monotonic: () => millis(performance.now()) }
  return {
    open: () => openFileSecrets({ dir, key }, { clock, random: randomBytes }),
    setNow: (seconds) => {
      now = seconds
    },
    versionsWithContent: async () =>
      readdirSync(join(dir, 't'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
        .length,
    close: async () => rmSync(dir, { recursive: true }),
  }
})
