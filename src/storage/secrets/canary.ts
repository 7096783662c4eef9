import {
  asSallyportError,
  type Clock,
  type ErrorCode,
  type Grant,
  type GrantPlace,
  type Principal,
  Secret,
} from '../../model/index.ts'
import type { RandomBytes } from './envelope.ts'
import type { Secrets } from './secrets.ts'

/** Nobody's place: always the same, so that a hundred trials leave one tombstone, as one does. */
const nobody = (tenant: string): Principal => ({
  kind: 'workload',
  tenant,
  issuer: 'urn:sallyport:doctor',
  subject: 'canary',
})

/** What did not work, and the setting that is named for it. */
export interface CanaryFault {
  readonly what: string
  readonly code: ErrorCode
  readonly field: string
}

/**
 * One grant written, read back, kept from a second writer and destroyed, with its data key: what connecting,
 * serving and revoking a person's account do, by the very code that does it. Only tombstones are left.
 */
export async function tryGrant(
  secrets: Secrets,
  { tenant, group }: { readonly tenant: string; readonly group: string },
  { random, clock }: { readonly random: RandomBytes; readonly clock: Clock },
): Promise<CanaryFault | undefined> {
  const principal = nobody(tenant)
  const place: GrantPlace = { tenant, group, principal, downstream: 'doctor', audience: 'canary' }
  const registration = random(24).toString('base64url')
  const grant: Grant = {
    v: 1,
    gen: 0,
    at: new Secret(registration, 'canary'),
    status: 'active',
    rev: 0,
    registration,
    scopes: [],
  }
  const tomb = { at: clock.now(), rev: 0, cause: 'doctor' }
  let what = 'looked for'
  try {
    const before = await secrets.read(place)
    // A trial that was broken off left one behind.
    if (before?.grant !== undefined) await secrets.destroy(place, tomb)
    const expected = (await secrets.read(place))?.version ?? 0
    what = 'written'
    const version = await secrets.create(place, grant, expected)
    what = 'read'
    const stored = await secrets.read(place)
    if (stored?.grant?.registration !== registration) return corrupt(what)
    what = 'kept from a second writer'
    const second = await secrets.update(place, { ...grant, gen: 1 }, version - 1).then(
      () => 'allowed',
      (error: unknown) => asSallyportError(error).code,
    )
    if (second !== 'secrets_conflict') return corrupt(what)
    what = 'replaced'
    await secrets.update(place, { ...grant, gen: 1 }, version)
    what = 'destroyed'
    await secrets.destroy(place, tomb)
    await secrets.destroyKey(tenant, group, principal, tomb)
    return (await secrets.read(place))?.tomb === undefined ? corrupt(what) : undefined
  } catch (error) {
    const { code, facts } = asSallyportError(error)
    return { what, code, field: facts.field ?? 'vault' }
  }
}

const corrupt = (what: string): CanaryFault => ({ what, code: 'secrets_corrupt', field: 'vault.mounts' })
