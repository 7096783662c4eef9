import { createLocalJWKSet, errors, type JWK, type JWSHeaderParameters } from 'jose'
import { type Clock, type GuardedFetch, type Millis, millis, SallyportError } from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import { type Claims, isObject } from './compact.ts'
import { discoverKeys, fetchDocument } from './metadata-fetch.ts'

type Resolve = ReturnType<typeof createLocalJWKSet>
type VerificationKey = Awaited<ReturnType<Resolve>>

/** The public keys of one issuer. */
export interface IssuerKeys {
  /** @throws token_signature_invalid where the issuer has no such key; idp_unavailable, idp_metadata_refused */
  keyFor(header: JWSHeaderParameters): Promise<VerificationKey>
}

/** How often an issuer is asked, in milliseconds. */
export interface KeyTimes {
  /** No two key fetches begin closer together than this, whatever `kid` values turn up. */
  readonly cooldown: Millis
  /** The same after a failure, so that an issuer that comes back is found soon. */
  readonly failureCooldown: Millis
  /** Keys older than this are read again before they are used. */
  readonly maxAge: Millis
  /** While the issuer does not answer, keys up to this age go on working. */
  readonly maxStale: Millis
  /** How long a discovery document stands. */
  readonly discovery: Millis
  /** All that an issuer is given to tell its keys, so that one that drips keeps nobody waiting place after place. */
  readonly deadline: Millis
}

const keyTimes: KeyTimes = {
  cooldown: millis(30_000),
  failureCooldown: millis(5_000),
  maxAge: millis(600_000),
  maxStale: millis(3_600_000),
  discovery: millis(3_600_000),
  deadline: millis(10_000),
}

export interface KeyDeps {
  readonly fetch: GuardedFetch
  readonly clock: Clock
  readonly log: Log
}

interface Attempt {
  readonly at: Millis
  readonly failure?: SallyportError
}

/** Keys found by discovery at first need. */
export function remoteKeys(issuer: string, deps: KeyDeps, times: KeyTimes = keyTimes): IssuerKeys {
  const find = (within: AbortSignal): Promise<string> => discoverKeys(issuer, deps.fetch, within)
  return fetchedKeys({ owner: issuer, find }, deps, times)
}

/** Keys at an address that is known, such as the `jwks_uri` of a client (RFC 7591 §2). */
export function keysAt(uri: string, deps: KeyDeps): IssuerKeys {
  return fetchedKeys({ owner: uri, find: () => Promise.resolve(uri) }, deps, keyTimes)
}

/** Whose keys they are, for the log, and how the address of the key set is found. */
interface KeyPlace {
  readonly owner: string
  readonly find: (within: AbortSignal) => Promise<string>
}

/**
 * Why not jose's remote set: its cool-down does not cover failed fetches, it drops all keys when the issuer is down past
 * their age, and it reads the clock itself.
 */
function fetchedKeys({ owner, find }: KeyPlace, deps: KeyDeps, times: KeyTimes): IssuerKeys {
  let held: { readonly resolve: Resolve; readonly at: Millis } | undefined
  let found: { readonly uri: string; readonly at: Millis } | undefined
  let last: Attempt | undefined
  let flight: Promise<void> | undefined
  const age = (at: Millis): number => deps.clock.monotonic() - at

  const fetchKeys = async (): Promise<Resolve> => {
    const within = AbortSignal.timeout(times.deadline)
    if (found === undefined || age(found.at) >= times.discovery)
      found = { uri: await find(within), at: deps.clock.monotonic() }
    return keySet(await fetchDocument(found.uri, deps.fetch, within))
  }
  const load = async (): Promise<void> => {
    const at = deps.clock.monotonic()
    last = { at }
    try {
      held = { resolve: await fetchKeys(), at }
    } catch (error) {
      found = undefined
      const failure =
        error instanceof SallyportError ? error : new SallyportError('idp_metadata_refused', {}, error)
      last = { at: deps.clock.monotonic(), failure }
      deps.log.warn('issuer keys could not be read', { issuer: owner, code: failure.code }, failure)
    }
  }
  const reload = async (): Promise<void> => {
    flight ??= load().finally(() => {
      flight = undefined
    })
    await flight
  }
  const cooling = (): boolean =>
    last !== undefined && age(last.at) < (last.failure === undefined ? times.cooldown : times.failureCooldown)

  return {
    async keyFor(header) {
      if (held === undefined || age(held.at) >= times.maxAge) {
        if (flight !== undefined || !cooling()) await reload()
        if (held === undefined || age(held.at) >= times.maxStale) {
          throw last?.failure ?? new SallyportError('idp_unavailable')
        }
      }
      const known = await lookUp(held.resolve, header)
      if (known !== undefined) return known
      if (flight !== undefined || !cooling()) await reload()
      const key = await lookUp(held.resolve, header)
      if (key === undefined) throw last?.failure ?? new SallyportError('token_signature_invalid')
      return key
    },
  }
}

/** Keys that are at hand, for an issuer in this very process. */
export function localKeys(jwks: () => { readonly keys: readonly JWK[] }): IssuerKeys {
  return {
    async keyFor(header) {
      const key = await lookUp(keySet({ keys: jwks().keys }), header)
      if (key === undefined) throw new SallyportError('token_signature_invalid')
      return key
    },
  }
}

const maxKeys = 100
const publicKinds = ['RSA', 'EC', 'OKP']

/** Symmetric keys and keys published with their private half are left out; neither can prove anything. */
function keySet(document: Claims): Resolve {
  const { keys } = document
  if (!Array.isArray(keys) || keys.length > maxKeys) throw new SallyportError('idp_metadata_refused')
  const usable = keys
    .filter(isObject)
    .filter((key) => publicKinds.includes(String(key['kty'])) && !('d' in key))
  return createLocalJWKSet({ keys: usable })
}

async function lookUp(resolve: Resolve, header: JWSHeaderParameters): Promise<VerificationKey | undefined> {
  try {
    return await resolve(header)
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined
    throw new SallyportError('token_signature_invalid', {}, error)
  }
}
