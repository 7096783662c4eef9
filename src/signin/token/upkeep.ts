import type { SignIn } from '../../model/index.ts'
import type { Parts } from './begin.ts'
import { askAfter, isSamePerson } from './person.ts'

/** How long a person goes unasked after, whatever their clients do. In seconds. */
const askedEvery = 900
/** So many sign-ins are looked after in one round, and so many at once. */
const mostPerRound = 600
const atOnce = 4

/**
 * One round of looking after sign-ins: the login issuer is asked after the people who were not asked after for longest, and
 * login connections that nobody needs are forgotten. Rounds come once a minute. Never at two places at once.
 */
export async function lookAfter(parts: Parts): Promise<void> {
  const { deps, options } = parts
  const now = deps.clock.now()
  const all = await deps.signIns.list(options.tenant, undefined, now)
  const standing = all.filter(({ session }) => session.subjectFrom === 'login')
  const due = standing.filter(({ checkedAt }) => checkedAt <= now - askedEvery).slice(0, mostPerRound)
  // One after the other at each of a few places: an issuer is not asked by hundreds at once.
  const queue = due.values()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const signIn of queue) await check(signIn, parts)
    }),
  )
  await deps.dropUnusedLogins(
    options.tenant,
    standing.map(({ session }) => session),
  )
}

async function check(signIn: SignIn, parts: Parts): Promise<void> {
  const { deps } = parts
  const { session } = signIn
  try {
    const asked = await askAfter(session, parts)
    if (asked.state === 'ended')
      await deps.endSession(session, { by: 'sallyport', cause: 'its sign-in at the login issuer has ended' })
    if (asked.state !== 'alive') return
    const next = { ...signIn, session: asked.session, checkedAt: deps.clock.now() }
    // Where it was rotated meanwhile, its client has asked.
    const isKept = await deps.signIns.replace(signIn.gen, next)
    if (isKept && !isSamePerson(session, asked.session)) deps.identity.forget()
  } catch (error) {
    deps.log.warn('a sign-in could not be looked after', { sid: session.sid }, error)
  }
}
