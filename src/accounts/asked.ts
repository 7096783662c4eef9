import {
  type Downstream,
  isPersonal,
  principalKey,
  SallyportError,
  type Server,
  type Visitor,
} from '../model/index.ts'
import type { ClientView } from '../pages/index.ts'
import type { Ask } from './asks.ts'
import type { Inside } from './deps.ts'

/** What a person is about to connect, and who asked, if anybody did. */
export interface Asked {
  readonly visitor: Visitor
  readonly server: Server
  readonly downstream: Downstream
  /** Sealed, as it came; it goes into the form. */
  readonly sealed?: string
  readonly ask?: Ask
}

/** The query of the page, and the fields that a form brings back. */
export interface Wanted {
  readonly downstream: string
  readonly ask?: string
  readonly server?: string
}

function serverOf(name: string | undefined, { servers }: Inside): Server | undefined {
  if (name === undefined) return servers.length === 1 ? servers[0] : undefined
  return servers.find((server) => server.name === name)
}

/** A link that was made for somebody else shows nothing of it, and leaves a trace in the record. */
async function checkPerson(ask: Ask, visitor: Visitor, { audit }: Inside): Promise<void> {
  if (principalKey(ask.principal) === principalKey(visitor.principal)) return
  await audit.note({
    kind: 'denial',
    who: { principal: visitor.principal, client: ask.client, server: ask.server },
    downstream: ask.downstream,
    decision: 'deny',
    reason: 'connect_other_person',
    details: { asked: ask.principal.subject },
  })
  throw new SallyportError('connect_other_person')
}

/** @throws not_found, connect_link_invalid, connect_other_person, record_unavailable */
export async function readAsked(wanted: Wanted, visitor: Visitor, inside: Inside): Promise<Asked> {
  const { ask: sealed } = wanted
  const ask = sealed === undefined ? undefined : inside.asks.read(sealed)
  if (sealed !== undefined && ask?.downstream !== wanted.downstream)
    throw new SallyportError('connect_link_invalid')
  if (ask !== undefined) await checkPerson(ask, visitor, inside)
  const server = serverOf(ask?.server ?? wanted.server, inside)
  const downstream = inside.downstream(wanted.downstream)
  const usable =
    server !== undefined &&
    downstream !== undefined &&
    isPersonal(downstream) &&
    inside.reachable(server.name).includes(downstream.name)
  if (!usable) throw new SallyportError('not_found')
  return {
    visitor,
    server,
    downstream,
    ...(sealed === undefined ? {} : { sealed }),
    ...(ask === undefined ? {} : { ask }),
  }
}

export const nameOf = ({ principal, name }: Visitor): string => name ?? principal.subject

/** The client as people see it: a name only where somebody vouches for it. */
export function clientView(ask: Pick<Ask, 'client' | 'registration'>, { titleOf }: Inside): ClientView {
  const verified = titleOf(ask.client)
  return verified === undefined ? { says: ask.registration } : { verified }
}
