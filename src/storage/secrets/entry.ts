import { epoch, type Grant, SallyportError, type Tombstone } from '../../model/index.ts'
import type { Sealed } from './envelope.ts'
import { isCount, isObject, isText, type JsonObject } from './json.ts'
import type { VaultGroup } from './names.ts'

/** Where an entry lies, as far as its ciphertext is bound to it. */
export interface EntryPlace extends VaultGroup {
  readonly uh: string
}

export type Tomb = Tombstone['tomb']

/** What is clear in a stored grant. It is authenticated with the tokens, so it cannot be altered. */
export type GrantFacts = Omit<Grant, 'rt' | 'at'>

export type GrantEntry =
  | { readonly facts: GrantFacts; readonly kid: string; readonly sealed: Sealed; readonly tomb?: undefined }
  | { readonly tomb: Tomb }

/** A principal's wrapped data key. `after` is the tombstone it was made over: older ciphertext counts as destroyed. */
export type KeyEntry =
  | { readonly kid: string; readonly wrapped: string; readonly after?: Tomb; readonly tomb?: undefined }
  | { readonly tomb: Tomb }

const corrupt = (): SallyportError => new SallyportError('secrets_corrupt')

function readTomb(value: unknown): Tomb {
  if (!isObject(value)) throw corrupt()
  const { at, rev, cause } = value
  if (!isCount(at) || !isCount(rev) || !isText(cause)) throw corrupt()
  return { at: epoch(at), rev, cause }
}

function readClaim(value: unknown): Grant['claim'] {
  if (value === undefined) return undefined
  if (!isObject(value)) throw corrupt()
  const { owner, until } = value
  if (!isText(owner) || !isCount(until)) throw corrupt()
  return { owner, until: epoch(until) }
}

function readTimes({ exp, obtained }: JsonObject): Pick<GrantFacts, 'exp' | 'obtained'> {
  if (exp !== undefined && !isCount(exp)) throw corrupt()
  if (obtained !== undefined && !isCount(obtained)) throw corrupt()
  return {
    ...(exp === undefined ? {} : { exp: epoch(exp) }),
    ...(obtained === undefined ? {} : { obtained: epoch(obtained) }),
  }
}

function readFacts(value: JsonObject): GrantFacts {
  const { gen, status, rev, registration, scopes, sid } = value
  const claim = readClaim(value['claim'])
  if (!isCount(gen) || !isCount(rev) || !isText(registration)) throw corrupt()
  if (status !== 'active' && status !== 'reauth_required') throw corrupt()
  if (!Array.isArray(scopes) || !scopes.every(isText)) throw corrupt()
  if (sid !== undefined && !isText(sid)) throw corrupt()
  return {
    v: 1,
    gen,
    status,
    rev,
    registration,
    scopes,
    ...readTimes(value),
    ...(claim === undefined ? {} : { claim }),
    ...(sid === undefined ? {} : { sid }),
  }
}

/** @throws secrets_corrupt for anything that is not a grant of this version */
export function readGrantEntry(value: JsonObject): GrantEntry {
  if (value['v'] !== 1) throw corrupt()
  if (value['tomb'] !== undefined) return { tomb: readTomb(value['tomb']) }
  const { kid, iv, ct, tag } = value
  if (!isText(kid) || !isText(iv) || !isText(ct) || !isText(tag)) throw corrupt()
  return { facts: readFacts(value), kid, sealed: { iv, ct, tag } }
}

/** @throws secrets_corrupt */
export function readKeyEntry(value: JsonObject): KeyEntry {
  if (value['v'] !== 1) throw corrupt()
  if (value['tomb'] !== undefined) return { tomb: readTomb(value['tomb']) }
  const { kid, wdek, after } = value
  if (!isText(kid) || !isText(wdek)) throw corrupt()
  return { kid, wrapped: wdek, ...(after === undefined ? {} : { after: readTomb(after) }) }
}

export function factsOf(grant: Grant): GrantFacts {
  const { rt: _rt, at: _at, ...facts } = grant
  return facts
}

export const writeGrantEntry = (facts: GrantFacts, kid: string, sealed: Sealed): JsonObject => ({
  ...facts,
  kid,
  ...sealed,
})

export const writeKeyEntry = (kid: string, wrapped: string, after?: Tomb): JsonObject => ({
  v: 1,
  kid,
  wdek: wrapped,
  ...(after === undefined ? {} : { after }),
})

export const writeTomb = (tomb: Tomb): JsonObject => ({
  v: 1,
  tomb: { at: tomb.at, rev: tomb.rev, cause: tomb.cause },
})

/**
 * What the tokens are bound to: their place, and every clear fact beside them. The facts are a JSON list in fixed
 * order, so that no two different sets give the same text.
 */
export function grantAad(at: EntryPlace, gid: string, kid: string, facts: GrantFacts): string {
  const { gen, exp, obtained, status, claim, rev, registration, scopes, sid } = facts
  const clear = JSON.stringify([
    kid,
    exp ?? null,
    status,
    claim === undefined ? null : [claim.owner, claim.until],
    rev,
    registration,
    scopes,
    sid ?? null,
    // Entries from before it was kept have a shorter list.
    ...(obtained === undefined ? [] : [obtained]),
  ])
  return `sp1|${at.tenant}|${at.group}|${at.uh}|${gid}|${gen}|${clear}`
}

/** What a wrapped data key is bound to: moved to another principal's place it does not unwrap. */
export const keyAad = (at: EntryPlace, kid: string): string => `sp1|${at.tenant}|${at.group}|${at.uh}|${kid}`
