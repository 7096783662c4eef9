import type { RiskClass } from './downstream.ts'
import type { ErrorCode } from './errors/codes.ts'
import type { JsonObject } from './strict-json.ts'

/** A call while it is open (design §1): what requests with its token are held to. */
export interface OpenCall {
  readonly id: string
  /** The tool's name; absent for what is no call of a tool. */
  readonly tool: string | undefined
  readonly class: RiskClass
  /** The parameters as they were judged and sent on. */
  readonly arguments: JsonObject
  /**
   * Counts one more request of the call, by the use that permits it. Says why there may be none more: the call's own
   * limit, or `times` of the use. Synchronous, so that two requests at once cannot both be the last one.
   */
  spend(use: string, times: number | undefined): ErrorCode | undefined
  /** Told where a request of the call was refused because its person has no connection to this downstream. */
  needs(downstream: string): void
}

/** The calls that are open in this process. */
export interface OpenCalls {
  /** Undefined once the call has ended, and for calls of other processes. */
  find(id: string): OpenCall | undefined
}
