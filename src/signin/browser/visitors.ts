import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Barred, Clock, EpochSeconds, Gate, Visitor, Work } from '../../model/index.ts'
import type { Seal } from '../../storage/index.ts'
import { type CookieTerms, cookieName, readCookies, setCookie } from './cookies.ts'

/** Who has signed in, in which browser. What says so is in the browser alone, sealed. */
export interface Visitors {
  /** Nobody where no one has signed in, it was too long ago, or the log says otherwise since. */
  of(request: FastifyRequest): Visitor | undefined
  /** Another for each sign-in: what a form is bound to. Empty where nobody has signed in. */
  binding(request: FastifyRequest): string
  /** Cookies that make the browser theirs, and nobody's. */
  welcome(visitor: Visitor): readonly string[]
  farewell(): readonly string[]
}

export interface VisitorDeps {
  readonly seal: Seal
  readonly clock: Clock
  readonly gate: Gate
  readonly signInAllowed: (work: Work, signedInAt: EpochSeconds) => Barred | undefined
}

/** A browser keeps 4096 bytes of a cookie, so a person of many groups has several. */
const perCookie = 3_800
const mostCookies = 3

/** What a person in a browser is reached by: no client, server or session yet. */
export const workOf = ({ principal }: Pick<Visitor, 'principal'>): Work => ({
  principal,
  client: '',
  server: '',
  sid: '',
})

export function createVisitors(terms: CookieTerms, deps: VisitorDeps): Visitors {
  const { seal, clock, gate, signInAllowed } = deps
  const names = Array.from({ length: mostCookies }, (_, index) =>
    cookieName(index === 0 ? 'sallyport' : `sallyport-${index + 1}`, terms),
  )
  const sealed = (request: FastifyRequest): string => {
    const cookies = readCookies(request.headers.cookie)
    let text = ''
    for (const name of names) {
      const part = cookies.get(name)
      if (part === undefined) break
      text += part
    }
    return text
  }
  return {
    of: (request) => {
      const text = seal.open(sealed(request))
      if (text === undefined) return undefined
      const visitor = JSON.parse(text) as Visitor
      if (visitor.expiresAt <= clock.now()) return undefined
      const work = workOf(visitor)
      const barred = gate.check(work, visitor.rev) ?? signInAllowed(work, visitor.authTime)
      return barred === undefined ? visitor : undefined
    },
    binding: (request) => {
      const text = sealed(request)
      return text === '' ? '' : createHash('sha256').update(text).digest('base64url')
    },
    welcome: (visitor) => {
      const parts = partsOf(visitor, seal)
      const life = visitor.expiresAt - clock.now()
      return names.map((name, index) => {
        const part = parts[index]
        return setCookie(name, part ?? '', { ...terms, maxAge: part === undefined ? 0 : life })
      })
    },
    farewell: () => names.map((name) => setCookie(name, '', { ...terms, maxAge: 0 })),
  }
}

/** Where all groups do not fit in, those that do are taken, and the list is known to be cut off. */
function partsOf(visitor: Visitor, seal: Seal): readonly string[] {
  let { groups } = visitor
  for (;;) {
    const whole = groups.length === visitor.groups.length
    const text = seal.close(JSON.stringify(whole ? visitor : { ...visitor, groups, groupsComplete: false }))
    const parts = text.match(new RegExp(`.{1,${perCookie}}`, 'g')) ?? []
    if (parts.length <= mostCookies) return parts
    groups = groups.slice(0, Math.floor(groups.length * 0.8))
  }
}
