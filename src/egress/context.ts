import type { Access, Downstream, Observed, Operation, Server, Work } from '../model/index.ts'
import type { Permit } from '../policy/index.ts'
import type { Body } from './body.ts'
import type { Target } from './path.ts'

/**
 * A request as it earns trust: each step returns the former object plus what it found out, and none has a field that
 * "may be set by now". The caller's token is in none of them. Readonly by type; nothing is frozen at run time,
 * because this is made for every request.
 */
export interface Arrived {
  /** Ours; in the record, in every answer, and never the caller's. */
  readonly id: string
  /** Monotonic milliseconds. */
  readonly at: number
  readonly method: string
  readonly target: Target
  /** Name, value, name, value …: what of the caller's headers may leave. Names in lower case. */
  readonly head: readonly string[]
  /** Scheme and authority by which the caller reached us; of a forward request, by which it names the downstream. */
  readonly egress: string
  /** Set where the caller asked by a URL of the downstream (`forward.ts`): it is answered with such URLs. */
  readonly forward?: true
  /** Declared length of the body; absent where it is chunked or there is none. */
  readonly length: number | undefined
  readonly chunked: boolean
  /** The trace id of a W3C `traceparent`. */
  readonly trace: string | undefined
}

export interface Identified extends Arrived {
  readonly access: Access
}

export interface Routed extends Identified {
  readonly server: Server
  readonly downstream: Downstream
  /** Absent where no configured operation matches: the decision says so. */
  readonly operation: Operation | undefined
  readonly work: Work
}

export interface Permitted extends Routed {
  readonly permit: Permit
}

/** What goes out, as far as the caller and the decision make it; the credential is put in later. */
export interface Bound extends Permitted {
  /** Path and query at the downstream, with its base path. */
  readonly path: string
  readonly body: Body
  /** It goes out as it came, though its call does not say so: its server is observed. */
  readonly observed?: Observed
}
