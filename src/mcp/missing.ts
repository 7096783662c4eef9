import type { Downstream } from '../model/index.ts'
import { askToConnect, capabilitiesOf, showsLinks } from './ask.ts'
import type { Inside } from './inside.ts'
import type { Message } from './message.ts'
import type { Passing } from './passing.ts'

type Request = Extract<Message, { kind: 'request' }>

/** The answer to a call whose person has yet to connect to these, as its client can show it. */
export function askFor(
  { access, fronted, era, head }: Pick<Passing, 'access' | 'fronted' | 'era' | 'head'>,
  message: Request,
  missing: readonly Downstream[],
  inside: Inside,
): object {
  const links =
    era === 'modern'
      ? showsLinks(capabilitiesOf(message))
      : head.session !== undefined && inside.sessions.showsLinks(head.session, fronted.server.name)
  const urlFor = (downstream: string) => inside.connectUrl(access, downstream)
  const asking = { message, access, era, links, missing, urlFor }
  return askToConnect(asking, inside.states, inside.newRequestId)
}

/** Whether this is the answer to that request, of whatever kind. */
export function answers(told: unknown, { id }: Request): boolean {
  return typeof told === 'object' && told !== null && 'id' in told && told.id === id && !('method' in told)
}
