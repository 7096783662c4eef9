import { type CredentialSource, type EpochSeconds, type Grant, SallyportError } from '../../model/index.ts'
import type { Issued } from './flavour.ts'

export type StaticForAll = Extract<CredentialSource, { kind: 'static'; per: 'all' }>

/** The registration of grants that nobody obtained from a server: a person put them in. */
export const putIn = 'static'

/** A secret of the configuration: nothing is asked, and it does not end by itself. */
export function fromConfiguration(source: StaticForAll, now: EpochSeconds): Issued {
  return { secret: source.value, obtainedAt: now, scopes: [] }
}

/** What a person put in with `sallyport connect`. @throws connect_required */
export function fromGrant(grant: Grant | undefined, now: EpochSeconds): Issued {
  if (grant?.at === undefined || grant.registration !== putIn) throw new SallyportError('connect_required')
  return { secret: grant.at, obtainedAt: now, scopes: [] }
}
