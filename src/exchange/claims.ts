import { decodeJwt, decodeProtectedHeader } from 'jose'
import { maxActorDepth } from '../model/index.ts'

/** What a JWT access token says about itself, as far as the exchange looks at it. Not verified here. */
export interface Claims {
  readonly issuer?: string
  readonly subject?: string
  readonly audiences: readonly string[]
  /** Undefined where the token has no scope claim at all. */
  readonly scopes?: readonly string[]
  readonly expiresAt?: number
  /** Entra's names of a person and his tenant (`oid`, `tid`). */
  readonly objectId?: string
  readonly tenantId?: string
  readonly issuedAt?: number
  /** The actor chain, outermost first (RFC 8693 §4.1); each is issuer and subject, joined by JSON. */
  readonly actors: readonly string[]
  /** `may_act` (RFC 8693 §4.4), as it stands. */
  readonly mayAct?: Readonly<Record<string, unknown>>
}

/** Three parts but no claims: neither a JWT nor anything to be trusted as opaque. */
export class MalformedToken extends Error {}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function textList(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value)) return []
  return value.map((item) => {
    if (typeof item !== 'string') throw new MalformedToken('a list of names holds something else')
    return item
  })
}

/** `a b  c` as a list without empty members. */
export function scopeList(value: string): string[] {
  return value.split(' ').filter((scope) => scope !== '')
}

function scopesOf(payload: Record<string, unknown>): string[] | undefined {
  const value = payload['scope'] ?? payload['scp']
  if (value === undefined) return undefined
  return typeof value === 'string' ? scopeList(value) : textList(value)
}

/** One actor as text: what has no `sub` is no actor we could compare. */
function actorText(actor: Record<string, unknown>): string {
  const subject = text(actor['sub'])
  if (subject === undefined) throw new MalformedToken('an actor has no sub')
  return JSON.stringify([text(actor['iss']) ?? '', subject])
}

function actorsOf(act: unknown): string[] {
  const actors: string[] = []
  for (let actor = act; actor !== undefined; actor = actor['act']) {
    if (!isObject(actor)) throw new MalformedToken('act is not an object')
    if (actors.length === maxActorDepth) throw new MalformedToken('the actor chain is too long')
    actors.push(actorText(actor))
  }
  return actors
}

/**
 * Read the claims of an access token; undefined if it is opaque. The signature is not looked at: the token came
 * from its issuer's own endpoint, or was verified by `identity`. @throws MalformedToken
 */
export function readClaims(token: string): Claims | undefined {
  if (token.split('.').length !== 3) return undefined
  let payload: Record<string, unknown>
  try {
    decodeProtectedHeader(token)
    payload = decodeJwt(token)
  } catch {
    throw new MalformedToken('three parts that are no JWT')
  }
  const issuer = text(payload['iss'])
  const subject = text(payload['sub'])
  const objectId = text(payload['oid'])
  const tenantId = text(payload['tid'])
  const scopes = scopesOf(payload)
  const { exp, iat, may_act: mayAct } = payload as { exp?: unknown; iat?: unknown; may_act?: unknown }
  if (exp !== undefined && typeof exp !== 'number') throw new MalformedToken('exp is no number')
  if (mayAct !== undefined && !isObject(mayAct)) throw new MalformedToken('may_act is not an object')
  return {
    audiences: textList(payload['aud']),
    actors: actorsOf(payload['act']),
    ...(issuer === undefined ? {} : { issuer }),
    ...(subject === undefined ? {} : { subject }),
    ...(objectId === undefined ? {} : { objectId }),
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(exp === undefined ? {} : { expiresAt: exp }),
    ...(typeof iat === 'number' ? { issuedAt: iat } : {}),
    ...(mayAct === undefined ? {} : { mayAct }),
  }
}
