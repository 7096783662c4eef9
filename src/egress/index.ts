/**
 * The way out: every request that carries a credential, and every outbound socket of the process.
 *
 * `handle.ts` is the life of one request: receive, identify, match, decide, bind, record, acquire, inject, send,
 * settle. The right to send is asked for in the last synchronous step before the header is written (`transfer.ts`).
 * `dial.ts` owns the sockets: it dials configured origins only, and judges the address that a name resolved to.
 *
 * `leak/` searches answers for the credential that went out, and withholds those that hold it.
 *
 * What never leaves: the caller's token (it is in no request context, and refused where it stands a second time), the
 * credential beside its own origin, a downstream's cookies and challenges. Requests go out as HTTP/1.1.
 * RFC 9110 §7.6.1 (hop by hop), RFC 3986 §6.2.2 (paths), RFC 6750 §2.1 (bearer), RFC 8288 (Link), RFC 9457 (problems).
 */
export { answerSocket } from './answer.ts'
export { createDial, type Dial, type DialSlice, loadUndici, type Lookup } from './dial.ts'
export { createEgress, type Egress, listenerOptions } from './egress.ts'
export { isForward, targetOf } from './forward.ts'
export { isLoopbackHost } from './guard.ts'
export { inject } from './inject.ts'
export { type Refusal, tryHold } from './hold/try.ts'
export { checkHost, readBearer } from './receive.ts'
export type { Control, Outgoing, Receiver, Transport } from './transport.ts'
export { TransportError } from './transport.ts'
