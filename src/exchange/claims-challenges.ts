import { ResponseBodyError } from 'openid-client'
import { Buffer } from 'node:buffer'
import { type Clock, joinKey, type Millis, principalKey } from '../model/index.ts'
import type { Challenge } from './challenge.ts'
import type { Need } from './need.ts'

type About = Pick<Need, 'downstream'> & {
  readonly access: { readonly session: Pick<Need['access']['session'], 'principal'> }
}

/**
 * What Entra wants to be satisfied before it gives a token again: it says so when it refuses an exchange, and its resources
 * say so when they refuse a token ("claims challenges, claims requests and client capabilities"). In memory, for the person
 * and downstream that it was said of.
 */
export interface ClaimsChallenges {
  note(about: About, claims: string | undefined): void
  of(about: About): string | undefined
  clear(about: About): void
}

const capacity = 10_000
/** Milliseconds; whoever has not come by then is told anew. */
const life = 3_600_000
const longest = 4096

const keyOf = ({ access, downstream }: About): string =>
  joinKey(principalKey(access.session.principal), downstream.name)

/** A JSON object as text, or nothing: it goes into a URL and a form of ours. */
function sound(claims: string): boolean {
  if (claims.length > longest) return false
  try {
    const value: unknown = JSON.parse(claims)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

export function createClaimsChallenges({ clock }: { readonly clock: Clock }): ClaimsChallenges {
  const said = new Map<string, { readonly claims: string; readonly at: Millis }>()
  return {
    note(about, claims) {
      if (claims === undefined || !sound(claims)) return
      const key = keyOf(about)
      said.delete(key)
      said.set(key, { claims, at: clock.monotonic() })
      if (said.size > capacity) said.delete(said.keys().next().value as string)
    },
    of(about) {
      const found = said.get(keyOf(about))
      return found !== undefined && clock.monotonic() - found.at < life ? found.claims : undefined
    },
    clear: (about) => void said.delete(keyOf(about)),
  }
}

/** What a resource that does not take a token any more wants (continuous access evaluation), as JSON. */
export function claimsWanted({ error, claims }: Challenge): string | undefined {
  if (error !== 'insufficient_claims' || claims === undefined) return undefined
  return Buffer.from(claims, 'base64').toString('utf8')
}

/** What the refusal of a token request wants, if it says so. */
export function claimsIn(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof ResponseBodyError)) return undefined
  const { claims } = cause.cause
  return typeof claims === 'string' ? claims : undefined
}
