import type { ServerResponse } from 'node:http'
import type { Audit } from '../audit/index.ts'
import type { Exchange, Need } from '../exchange/index.ts'
import {
  asSallyportError,
  type Clock,
  type Credential,
  type Durability,
  type ErrorCode,
  type Gate,
  SallyportError,
} from '../model/index.ts'
import type { Bound } from './context.ts'
import { inject } from './inject.ts'
import { type SendDeps, send } from './send.ts'
import { record, settle } from './settle.ts'
import type { Sent } from './transfer.ts'

export interface AttemptDeps {
  readonly audit: Audit
  readonly exchange: Pick<Exchange, 'acquire' | 'refused'>
  readonly gate: Gate
  readonly clock: Pick<Clock, 'monotonic'>
  readonly send: SendDeps
  /** How durable the record of a read is before it is sent. */
  readonly reads: Durability
}

/**
 * Sends what was decided, and once more with a fresh credential if the downstream answers 401 and the request can be
 * repeated as it was. A 401 shows that nothing was done, so the method does not matter; only a streamed body cannot
 * be had twice. Each attempt has a record of its own.
 * @throws record_unavailable, before anything is sent
 */
export async function deliver(bound: Bound, res: ServerResponse, deps: AttemptDeps): Promise<Sent> {
  const first = await attempt(bound, { number: 1 }, res, deps)
  if (!first.sent.refused || first.credential === undefined) return first.sent
  deps.exchange.refused(needOf(bound, deps.gate), first.credential)
  if (bound.body.kind === 'stream')
    return { ...first.sent, error: failed('credential_refused_not_repeated', bound) }
  const second = await attempt(bound, { number: 2, refused: first.credential }, res, deps)
  if (!second.sent.refused) return second.sent
  if (second.credential !== undefined) deps.exchange.refused(needOf(bound, deps.gate), second.credential)
  return { ...second.sent, error: failed('credential_refused', bound) }
}

interface Attempted {
  readonly sent: Sent
  readonly credential?: Credential
}

/** Record, acquire, inject, send, settle: what is done anew for each attempt. */
async function attempt(
  bound: Bound,
  turn: { readonly number: number; readonly refused?: Credential },
  res: ServerResponse,
  deps: AttemptDeps,
): Promise<Attempted> {
  const { permit } = bound
  const need = needOf(bound, deps.gate)
  const written = record(bound, turn.number, { audit: deps.audit, reads: deps.reads, rev: need.rev })
  const recorded = written instanceof Promise ? await written : written
  let credential: Credential | undefined
  let sent: Sent
  try {
    const acquired = deps.exchange.acquire(need)
    credential = acquired instanceof Promise ? await acquired : acquired
    if (credential.fingerprint === turn.refused?.fingerprint) throw failed('credential_refused', bound)
    const headers = inject(bound.head, credential)
    sent = await send(permit, { recorded, credential }, { bound, headers, res }, deps.send)
  } catch (error) {
    sent = unsent(asSallyportError(error))
  }
  settle(bound, { recorded, sent, ...(credential === undefined ? {} : { credential }) }, deps)
  return { sent, ...(credential === undefined ? {} : { credential }) }
}

function needOf({ access, server, downstream }: Bound, gate: Gate): Need {
  return { access, server, downstream, rev: gate.applied }
}

function failed(code: ErrorCode, bound: Bound): SallyportError {
  return new SallyportError(code, { downstream: bound.downstream.name })
}

function unsent(error: SallyportError): Sent {
  return { result: 'failed', bytesIn: 0, bytesOut: 0, refused: false, error }
}
