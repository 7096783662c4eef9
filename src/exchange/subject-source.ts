import {
  type Clock,
  type EpochSeconds,
  type Gate,
  joinKey,
  SallyportError,
  type Scope,
  type Secret,
  type Seconds,
  type Session,
  type Work,
} from '../model/index.ts'
import { type Claims, readClaims } from './claims.ts'
import { reaches } from './owner.ts'

/** A subject token with what it says. The token leaves towards its own issuer's token endpoint only. */
export interface Subject {
  readonly token: Secret
  /** Absent: an access token. */
  readonly type?: 'id_token'
  readonly claims: Claims
  readonly expiresAt: EpochSeconds
}

/** Which session's subject token is wanted, for which audience, and for how long it must still be good. */
export interface SubjectWanted {
  readonly session: Session
  readonly audience: string
  readonly minLife: Seconds
}

/** Where exchanges get subject tokens from (design §4). `handed` is one source; login and hub are others. */
export interface SubjectSource {
  /** @throws subject_expired, subject_absent, and what looking for it throws */
  subjectToken(wanted: SubjectWanted): Subject | Promise<Subject>
}

/** What the session says of itself: it was handed over, lies in the login connection, or there never was one. */
export function subjectsOf(from: {
  readonly handed: SubjectSource
  readonly login: SubjectSource
}): SubjectSource {
  return {
    subjectToken(wanted) {
      switch (wanted.session.subjectFrom) {
        case 'login':
          return from.login.subjectToken(wanted)
        case 'none':
          throw new SallyportError('subject_absent')
        default:
          return from.handed.subjectToken(wanted)
      }
    },
  }
}

/** Subject tokens as callers presented them: in memory only, gone at their expiry or with their session. */
export interface HandedSubjects extends SubjectSource {
  hand(session: Session, token: Secret, expiresAt: EpochSeconds): void
  /** Forget those of the scope; says how many. */
  bar(scope: Scope): number
  /** Forget those that have expired. */
  sweep(): void
  clear(): void
}

interface Kept extends Subject {
  readonly work: Work
  readonly rev: number
}

/** More sessions than this at once push out the one handed over first; it has to present its token again. */
const capacity = 10_000

/** What a token says of itself; undefined where it is opaque. @throws token_malformed */
export function tokenClaims(token: Secret): Claims | undefined {
  try {
    return readClaims(token.reveal())
  } catch (error) {
    throw new SallyportError('token_malformed', {}, error)
  }
}

export function createHandedSubjects(deps: { readonly clock: Clock; readonly gate: Gate }): HandedSubjects {
  const { clock, gate } = deps
  const kept = new Map<string, Kept>()

  function hand(session: Session, token: Secret, expiresAt: EpochSeconds): void {
    const { principal, client, server, sid, rev } = session
    const key = joinKey(principal.tenant, sid)
    const present = kept.get(key)
    if (present !== undefined && present.rev >= rev && present.expiresAt >= expiresAt) return
    const work: Work = { principal, client, server, sid }
    // A token verified before a cut may arrive here after it.
    if (gate.check(work, rev) !== undefined) return
    const claims = tokenClaims(token)
    if (claims === undefined) throw new SallyportError('token_malformed')
    kept.delete(key)
    kept.set(key, { token, claims, expiresAt, work, rev })
    if (kept.size > capacity) kept.delete(kept.keys().next().value as string)
  }

  return {
    hand,
    subjectToken({ session: { principal, sid }, minLife }) {
      const subject = kept.get(joinKey(principal.tenant, sid))
      if (subject === undefined || subject.expiresAt < clock.now() + minLife) {
        throw new SallyportError('subject_expired')
      }
      return subject
    },
    bar(scope) {
      let dropped = 0
      for (const [key, subject] of kept) {
        if (reaches(scope, subject.work) && kept.delete(key)) dropped++
      }
      return dropped
    },
    sweep() {
      const now = clock.now()
      for (const [key, subject] of kept) if (subject.expiresAt <= now) kept.delete(key)
    },
    clear: () => kept.clear(),
  }
}
