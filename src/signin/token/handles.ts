import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { Secret, SignIn } from '../../model/index.ts'

/** What we made carries a proof of it, so that nothing else costs more than looking at it. */
export interface Mark {
  make(body: string): string
  /** What it was made of; undefined for whatever was not made here. */
  read(text: string | undefined): string | undefined
}

/** `prefix` makes a leaked one findable. */
export function createMark(prefix: string, key: Secret<Uint8Array>): Mark {
  const bytes = key.reveal()
  const proofOf = (body: string): string =>
    createHmac('sha256', bytes).update(`${prefix}${body}`).digest('base64url')
  return {
    make: (body) => `${prefix}${body}.${proofOf(body)}`,
    read(text) {
      if (text?.startsWith(prefix) !== true) return undefined
      const end = text.lastIndexOf('.')
      const body = text.slice(prefix.length, end)
      return sameText(text.slice(end + 1), proofOf(body)) ? body : undefined
    },
  }
}

/** Equal, in a time that tells nothing of where they differ. */
export function sameText(one: string, other: string): boolean {
  return timingSafeEqual(sha256(one), sha256(other))
}

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer')

/** What a ticket is filed under instead of what its holder shows. */
export const ticketId = (text: string): string => hash('sha256', text, 'base64url')

/** A generation of a sign-in: what one refresh token stands for. */
export interface Generation {
  readonly id: string
  readonly gen: number
}

/** Refresh tokens, which are kept nowhere: each is made of its sign-in and generation, and so the same each time. */
export interface RefreshTokens {
  of(signIn: Pick<SignIn, 'id' | 'gen'>): string
  read(token: string | undefined): Generation | undefined
}

export function createRefreshTokens(key: Secret<Uint8Array>): RefreshTokens {
  const mark = createMark('sp_rt_', key)
  return {
    of: ({ id, gen }) => mark.make(`${id}.${gen}`),
    read(token) {
      const [id, gen] = mark.read(token)?.split('.') ?? []
      return id === undefined ? undefined : { id, gen: Number(gen) }
    },
  }
}
