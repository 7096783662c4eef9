import type { ServerResponse } from 'node:http'
import type { Recorded } from '../audit/index.ts'
import { claimsWanted, missingScopes, readChallenge } from '../exchange/index.ts'
import { type Credential, type Gate, type LiveWork, type OpenCalls, SallyportError } from '../model/index.ts'
import type { Permit } from '../policy/index.ts'
import type { Bound } from './context.ts'
import { GuardedReceiver, type Withheld } from './leak/guarded-receiver.ts'
import type { Search } from './leak/search.ts'
import { type Sent, Transfer } from './transfer.ts'
import type { Transport } from './transport.ts'

/** What the downstream asks for, as one line (RFC 9110 §5.3). */
function challengeIn(head: readonly string[]): string {
  return head.filter((_, at) => head[at - 1] === 'www-authenticate' && at % 2 === 1).join(', ')
}

/** What goes out besides the three proofs. */
export interface Cargo {
  readonly bound: Bound
  /** With the credential in its place. */
  readonly headers: string[]
  readonly res: ServerResponse
  /** How the answer is searched for the credential; undefined where it is not. */
  readonly search: Search | undefined
}

export interface SendDeps {
  readonly gate: Gate
  /** Asked together with the gate, of a request with a call token. */
  readonly calls: OpenCalls
  readonly live: LiveWork
  readonly transport: (origin: string) => Transport
  readonly idleMs: number
  /** Told of each answer that is not let through. */
  readonly withheld: (bound: Bound, why: Withheld, where: 'head' | 'body') => void
}

/**
 * Sends a request that was decided on, recorded, and has its credential, and streams the answer back. `done` is told
 * when both directions have ended; a 401 of the downstream is not passed on but told as `refused`. What happens on the
 * way is in `Sent`.
 * @throws credential_origin_mismatch before anything is dialled
 */
export function send(
  proofs: { readonly permit: Permit; readonly recorded: Recorded; readonly credential: Credential },
  cargo: Cargo,
  deps: SendDeps,
  done: (sent: Sent) => void,
): void {
  const { permit, credential } = proofs
  const { origin } = permit.downstream
  if (credential.origin !== origin) throw new SallyportError('credential_origin_mismatch')
  const { bound, headers, res, search } = cargo
  const { connection, consent } = credential
  const by = consent === undefined ? {} : { consent }
  const work = connection === undefined ? bound.work : { ...bound.work, connection, ...by }
  const rev = Math.min(bound.access.rev, credential.rev)
  const { gate, calls, idleMs } = deps
  const transport = deps.transport(origin)
  // A search keeps the end of each piece until the next one.
  const owned = search === undefined && transport.handsOver
  const claims = (head: readonly string[]) => claimsWanted(readChallenge(challengeIn(head)))
  const lacks = (head: readonly string[]) => missingScopes(credential, readChallenge(challengeIn(head)))
  const transfer = new Transfer({
    bound,
    res,
    settle: done,
    work,
    rev,
    gate,
    calls,
    idleMs,
    owned,
    lacks,
    claims,
  })
  transfer.begin(deps.live.open(work, transfer))
  const { path, method, body } = bound
  const length = body.kind === 'stream' ? body.length : undefined
  const receiver =
    search === undefined
      ? transfer
      : new GuardedReceiver(transfer, { search, withheld: (why, where) => deps.withheld(bound, why, where) })
  transport.send({ path, method, headers, body: transfer.body, length }, receiver)
}
