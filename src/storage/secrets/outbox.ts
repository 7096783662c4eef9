import { type Clock, type EpochSeconds, SallyportError, Secret } from '../../model/index.ts'
import type { Backend } from './backend.ts'
import { overwrite } from './destroy.ts'
import { secretBytes } from './envelope.ts'
import { isCount, isText, type JsonObject } from './json.ts'
import { jobName, outboxPath } from './names.ts'
import type { Secrets } from './secrets.ts'

const dropped: JsonObject = { v: 1, dropped: true }
const isDropped = (value: JsonObject): boolean => value['dropped'] === true

const outboxAad = (tenant: string, job: string, until: EpochSeconds): string =>
  `sp1|${tenant}|outbox|${jobName(job)}|${until}`

/**
 * What waits for a provider's revocation: whoever serves requests may put it in, only the keeper gets it out, and
 * nobody after its time.
 */
export function createOutbox(deps: {
  readonly backend: Backend
  readonly clock: Clock
}): Pick<Secrets, 'seal' | 'unseal' | 'dropSealed'> {
  const { backend, clock } = deps

  /** The runtime login may only make new jobs; a job that exists is replaced by the keeper. */
  async function replace(path: string, value: JsonObject, refused: SallyportError): Promise<void> {
    const stored = await backend.read('keeper', path)
    if (stored?.value === undefined) throw refused
    if (isDropped(stored.value)) throw new SallyportError('secrets_destroyed')
    const version = await backend.writeCas('keeper', path, value, stored.version)
    await backend.destroyOlder(path, version)
  }

  return {
    async seal(job, tenant, payload, until) {
      const path = outboxPath(tenant, job)
      const plain = secretBytes(payload)
      let ct: string
      try {
        ct = await backend.seal(tenant, plain, outboxAad(tenant, job, until))
      } finally {
        plain.fill(0)
      }
      const value: JsonObject = { v: 1, until, ct }
      try {
        await backend.writeCas('runtime', path, value, 0)
      } catch (error) {
        if (!(error instanceof SallyportError)) throw error
        if (error.code !== 'secrets_conflict' && error.code !== 'secrets_denied') throw error
        await replace(path, value, error)
      }
    },

    async unseal(job, tenant) {
      const stored = await backend.read('keeper', outboxPath(tenant, job))
      if (stored?.value === undefined || isDropped(stored.value)) return undefined
      const { until, ct } = stored.value
      if (!isCount(until) || !isText(ct)) throw new SallyportError('secrets_corrupt')
      if (until <= clock.now()) return undefined
      const plain = await backend.unseal(tenant, ct, outboxAad(tenant, job, until as EpochSeconds))
      const payload = new Secret(plain.toString(), 'refresh token')
      plain.fill(0)
      return payload
    },

    dropSealed: (job, tenant) => overwrite(backend, outboxPath(tenant, job), dropped, isDropped),
  }
}
