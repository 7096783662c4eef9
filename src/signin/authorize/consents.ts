import { consentId } from '../../exchange/index.ts'
import { type Clock, type Consent, type Gate, type Server, type Visitor } from '../../model/index.ts'
import type { Consents } from '../../storage/index.ts'
import { workOf } from '../browser/visitors.ts'
import type { Client } from '../shapes.ts'

/** Who agreed to what. */
export interface Agreeing {
  readonly visitor: Visitor
  readonly client: Client
  readonly server: Server
  readonly scopes: readonly string[]
}

export interface ConsentBook {
  /** Has this person agreed to this client at this server before, to no less than this, and not taken it back? */
  has(agreeing: Agreeing): Promise<boolean>
  keep(agreeing: Agreeing): Promise<void>
}

export interface ConsentDeps {
  readonly consents: Pick<Consents, 'get' | 'put'>
  readonly gate: Gate
  readonly clock: Clock
}

export function createConsentBook({ consents, gate, clock }: ConsentDeps): ConsentBook {
  return {
    has: async (agreeing) => {
      const { visitor, client, server, scopes } = agreeing
      const id = idOf(agreeing)
      const known = await consents.get(visitor.principal.tenant, id)
      if (known === undefined || !scopes.every((scope) => known.scopes.includes(scope))) return false
      const work = { ...workOf(visitor), client: client.name, server: server.name, consent: id }
      return gate.check(work, known.rev) === undefined
    },
    keep: async (agreeing) => {
      const { visitor, client, server, scopes } = agreeing
      const consent: Consent = {
        id: idOf(agreeing),
        principal: visitor.principal,
        registration: client.id,
        client: client.name,
        server: server.name,
        scopes,
        at: clock.now(),
        rev: gate.applied,
      }
      await consents.put(consent)
    },
  }
}

const idOf = ({ visitor, client, server }: Agreeing): string =>
  consentId({ principal: visitor.principal, registration: client.id, server: server.name })
