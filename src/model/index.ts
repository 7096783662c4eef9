/**
 * The words of the field as frozen types, the error table and `Secret`. No I/O, no clock, no Node import:
 * every other room may use this one, and it uses none. Times are `EpochSeconds`, spans `Seconds`; a principal
 * is issuer and subject together; whatever is secret is a `Secret`.
 */

export { base32 } from './base32.ts'
export * from './call.ts'
export * from './config-problem.ts'
export * from './credential.ts'
export * from './decision.ts'
export * from './downstream.ts'
export type { ErrorCode, ReasonCode } from './errors/codes.ts'
export { asSallyportError, type ErrorFacts, SallyportError } from './errors/error.ts'
export { type Rendered, renderOAuth, renderProblem, renderProxyProblem } from './errors/render.ts'
export { errorTable } from './errors/table.ts'
export type { FetchAnswer, FetchInit, GuardedFetch } from './fetch.ts'
export * from './grant.ts'
export { astray, follow, parameterAt } from './json-pointer.ts'
export * from './live.ts'
export * from './log-entry.ts'
export { createNotes } from './notes.ts'
export * from './principal.ts'
export type * from './proposal.ts'
export * from './receipt.ts'
export * from './record.ts'
export * from './rule.ts'
export * from './scope.ts'
export { Secret } from './secret.ts'
export * from './server.ts'
export * from './session.ts'
export { isJsonObject, type Json, type JsonObject, parseStrictJson } from './strict-json.ts'
export * from './tool-definition.ts'
export * from './units.ts'
