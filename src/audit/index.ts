/**
 * The record: what was decided and done, for whom, as evidence (design §8). Append-only JSON Lines, one hash chain
 * per process start, with heads signed by the persistent key; intents are written before effects, and what is not
 * written is not done. Reading and verifying need the files and a public key only, not the running process.
 *
 * What never leaves, and never enters: a secret. Events hold fingerprints (keyed HMAC); text is bounded and escaped
 * to printable ASCII. `Recorded` is given out as a type only: nobody else can make one.
 *
 * A process may assume that it is the only writer of its directory; a reader may assume nothing.
 * RFC 8032 (Ed25519), RFC 7638 (thumbprints), FIPS 180-4 (SHA-256). The format: docs/record.md.
 */
export type { Audit, OpenAudit } from './audit.ts'
export { type AuditDeps, type AuditOptions, openAudit } from './open.ts'
export type { Recorded } from './recorded.ts'
export { exportRecords, type FoundLine, queryRecords, type RecordFilter, valueAt } from './query.ts'
export type { Report } from './report.ts'
export { tailRecords, type TailOptions } from './tail.ts'
export { printable } from './text.ts'
export { verifyRecords, type VerifyOptions } from './verify.ts'
