import { readPerson } from '../../identity/index.ts'
import { SallyportError, type Session } from '../../model/index.ts'
import type { Parts } from './begin.ts'

/** What the login issuer says of the person of a session: who is alive comes with what is known of them now. */
export type Asked =
  | { readonly state: 'alive'; readonly session: Session }
  | { readonly state: 'ended' | 'unknown' }

/**
 * Ask the login issuer after the person of a session. Groups and workflow are what the ID token says that comes with the
 * answer, where one does and names groups. Never throws.
 */
export async function askAfter(session: Session, { deps, options }: Parts): Promise<Asked> {
  const answer = await deps.checkLogin(session)
  if (answer.state !== 'alive') return answer
  if (answer.claims === undefined) return { state: 'alive', session }
  try {
    const { workflow, ...said } = readPerson(answer.claims, options.login)
    // What names no groups at all says nothing of them.
    const isSilent = !said.groupsComplete && said.groups.length === 0
    const { workflow: _former, ...rest } = session
    return {
      state: 'alive',
      session: { ...rest, ...(isSilent ? {} : said), ...(workflow === undefined ? {} : { workflow }) },
    }
  } catch (error) {
    // Of another tenant now, or with claims that cannot be read: nobody whom we may serve.
    deps.log.warn('what the login issuer says of a person cannot be used', {}, error)
    return { state: error instanceof SallyportError ? 'ended' : 'unknown' }
  }
}

/** Do rules see the same person in both? */
export function isSamePerson(one: Session, other: Session): boolean {
  const facts = ({ groups, groupsComplete, workflow }: Session) =>
    JSON.stringify([groups, groupsComplete, workflow])
  return facts(one) === facts(other)
}
