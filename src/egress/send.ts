import type { ServerResponse } from 'node:http'
import type { Recorded } from '../audit/index.ts'
import { type Credential, type Gate, type LiveWork, SallyportError } from '../model/index.ts'
import type { Permit } from '../policy/index.ts'
import type { Bound } from './context.ts'
import { type Sent, Transfer } from './transfer.ts'
import type { Transport } from './transport.ts'

/** What goes out besides the three proofs. */
export interface Cargo {
  readonly bound: Bound
  /** With the credential in its place. */
  readonly headers: string[]
  readonly res: ServerResponse
}

export interface SendDeps {
  readonly gate: Gate
  readonly live: LiveWork
  readonly transport: (origin: string) => Transport
  readonly idleMs: number
}

/**
 * Sends a request that was decided on, recorded, and has its credential, and streams the answer back. Settles when
 * both directions have ended; a 401 of the downstream is not passed on but told as `refused`. Never rejects for what
 * happens on the way: that is in `Sent`.
 * @throws credential_origin_mismatch before anything is dialled
 */
export function send(
  permit: Permit,
  proofs: { readonly recorded: Recorded; readonly credential: Credential },
  cargo: Cargo,
  deps: SendDeps,
): Promise<Sent> {
  const { credential } = proofs
  const { origin } = permit.downstream
  if (credential.origin !== origin) throw new SallyportError('credential_origin_mismatch')
  const { bound, headers, res } = cargo
  const work =
    credential.connection === undefined ? bound.work : { ...bound.work, connection: credential.connection }
  const rev = Math.min(bound.access.rev, credential.rev)
  const { body } = bound
  const length = body.kind === 'stream' ? body.length : undefined
  const { gate, idleMs } = deps
  return new Promise((settle) => {
    const transfer = new Transfer({ bound, res, settle, work, rev, gate, idleMs })
    transfer.begin(deps.live.open(work, transfer))
    const { path, method } = bound
    const request = {
      path,
      method,
      headers,
      body: transfer.body,
      ...(length === undefined ? {} : { length }),
    }
    deps.transport(origin).send(request, transfer)
  })
}
