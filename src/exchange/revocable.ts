import { epoch, type Connection, type Grant, Secret } from '../model/index.ts'
import { isObject, isText, type Tokens } from './providers/provider.ts'

/**
 * What of a grant its provider can be asked to revoke, as one secret to be sealed; undefined where there is nothing to
 * ask for: what a person put in himself has no provider that we know.
 */
export function revocableOf(kind: Connection['kind'], grant: Grant | undefined): Secret | undefined {
  if (grant === undefined || kind === 'static') return undefined
  const { rt, exp } = grant
  const at = kind === 'linked' ? grant.at : undefined
  if (rt === undefined && at === undefined) return undefined
  return sealable({ ...(rt && { rt }), ...(at && { at }), ...(exp === undefined ? {} : { exp }) })
}

/** Tokens as one secret; a refresh token alone stands for itself. */
export function sealable({ rt, at, exp }: Tokens): Secret {
  if (rt !== undefined && at === undefined) return rt
  return new Secret(JSON.stringify({ rt: rt?.reveal(), at: at?.reveal(), exp }), 'tokens to revoke')
}

/** The same, opened again. */
export function tokensIn(sealed: Secret): Tokens {
  const value = parsed(sealed.reveal())
  if (!isObject(value)) return { rt: sealed }
  const { rt, at, exp } = value
  return {
    ...(isText(rt) ? { rt: new Secret(rt, 'refresh token') } : {}),
    ...(isText(at) ? { at: new Secret(at, 'access token') } : {}),
    ...(typeof exp === 'number' ? { exp: epoch(exp) } : {}),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
