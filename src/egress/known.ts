import {
  type Access,
  createNotes,
  type Decision,
  type Downstream,
  type Facts,
  factsOfSession,
  type Operation,
  type RecordCommon,
  type RecordWho,
  recordWho,
  type Work,
} from '../model/index.ts'
import type { Permit, Policy } from '../policy/index.ts'

/** What requests with one token to one downstream have in common. */
export interface KnownPlace {
  /** By operation. */
  readonly works: Map<Operation | undefined, Work>
  /** Decisions without a call, by operation. */
  readonly decisions: Map<Operation | undefined, Decision<Permit>>
}

interface Place {
  readonly downstream: Downstream
  readonly operation: Operation | undefined
}

/** The members of a request's two records that its permit fixes. */
export interface KnownRecords {
  readonly intent: RecordCommon
  readonly outcome: RecordCommon
}

/** What all requests with one token have in common, worked out at the first of them. */
export interface Known {
  readonly who: RecordWho
  /** By downstream. */
  readonly places: Map<string, KnownPlace>
}

/**
 * Remembers by the verified token, which is one object for as long as it is known, so nothing here outlives it. The
 * decision is a pure function of the token, the operation and the policy of this process; what is not pure, the gate,
 * is asked anew for every request.
 */
export class KnownAccess {
  readonly #known = createNotes<Access, Known>()
  readonly #records = createNotes<Permit, KnownRecords>()

  of(access: Access): Known {
    let known = this.#known.get(access)
    if (known === undefined) {
      known = { who: recordWho(access), places: new Map() }
      this.#known.set(access, known)
    }
    return known
  }

  /** By the permit, which is one object for all requests with one token for one operation, unless in a call. */
  recordsOf(access: Access, permit: Permit): KnownRecords {
    const known = this.#records.get(permit)
    if (known !== undefined) return known
    const { operation, rule, policy } = permit
    const outcome = {
      who: this.of(access).who,
      downstream: permit.downstream.name,
      operation: operation.id,
    }
    const decided = { class: operation.class, decision: 'allow', reason: 'allowed', rule, policy } as const
    const records = { intent: { ...outcome, method: operation.method, ...decided }, outcome }
    this.#records.set(permit, records)
    return records
  }

  /** All that a request belongs to, by its operation and by the labels of the tool that makes it. */
  workOf(access: Access, to: Place, policy: Pick<Policy, 'tool'>): Work {
    const { downstream, operation } = to
    const { works } = this.placeOf(access, downstream)
    let work = works.get(operation)
    if (work === undefined) {
      const { call, session } = access
      const labels = call?.tool === undefined ? undefined : policy.tool(session.server, call.tool)?.labels
      work = {
        ...workOf(access),
        downstream: downstream.name,
        ...(operation === undefined ? {} : { class: operation.class }),
        ...(labels === undefined ? {} : { labels }),
      }
      works.set(operation, work)
    }
    return work
  }

  placeOf(access: Access, downstream: Downstream): KnownPlace {
    const { places } = this.of(access)
    let place = places.get(downstream.name)
    if (place === undefined) {
      place = { works: new Map(), decisions: new Map() }
      places.set(downstream.name, place)
    }
    return place
  }
}

/** All that work with this token belongs to. */
export function workOf({ session, call }: Access): Work {
  const { principal, client, server, sid } = session
  return {
    principal,
    client,
    server,
    sid,
    ...(call === undefined ? {} : { call: call.id }),
    ...(call?.tool === undefined ? {} : { tool: call.tool }),
  }
}

/** What a decision looks at of the caller alone. */
export function callerFacts({ session, call }: Access): Facts {
  const facts = factsOfSession(session)
  return call?.tool === undefined ? facts : { ...facts, tool: call.tool }
}
