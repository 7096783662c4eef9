import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Audit } from '../audit/index.ts'
import type { Exchange } from '../exchange/index.ts'
import type { Clock, Downstream, Receipt, Scope, Seq, Server, Visitor } from '../model/index.ts'
import type { ConnectionIndex, Consents, Seal, Tickets } from '../storage/index.ts'
import type { Asks } from './asks.ts'

/** Who is in front of the browser; the sign-in room knows. */
export interface People {
  /** Undefined for a browser that is nobody's. */
  visitor(request: FastifyRequest): Visitor | undefined
  /** Another for each sign-in in each browser. */
  binding(request: FastifyRequest): string
  /** Hidden values of forms: only our own page in this very browser brings one back. */
  readonly forms: {
    make(request: FastifyRequest, purpose: string, value: string): string
    /** @throws form_refused, origin_refused */
    read(request: FastifyRequest, purpose: string, hidden: string | undefined): string
  }
  /** Sends the browser to sign in, and then back to what it asked for. */
  askToSignIn(request: FastifyRequest, reply: FastifyReply): Promise<void>
}

export interface AccountsDeps {
  /** Undefined where nobody can sign in: then there is only a page that says so. */
  readonly people: People | undefined
  /** Where people reach sallyport. */
  readonly url: string
  readonly tenant: string
  readonly servers: readonly Server[]
  readonly downstream: (name: string) => Downstream | undefined
  /** The downstreams that a server uses. */
  readonly reachable: (server: string) => readonly string[]
  /** What pages call a client that policy knows by this name; undefined where nobody vouches for it. */
  readonly titleOf: (client: string) => string | undefined
  readonly exchange: Pick<Exchange, 'connect' | 'linking'>
  readonly connections: Pick<ConnectionIndex, 'get' | 'list'>
  readonly consents: Pick<Consents, 'list'>
  readonly tickets: Tickets
  /** Cuts a connection, and waits for its provider for some seconds. */
  readonly disconnect: (scope: Scope, by: string) => Promise<Receipt>
  readonly audit: Audit
  readonly asks: Asks
  readonly seal: Seal
  readonly applied: () => Seq
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

/** The same where people can sign in. */
export interface Inside extends AccountsDeps {
  readonly people: People
}
