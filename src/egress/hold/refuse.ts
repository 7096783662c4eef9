import { type ErrorCode, SallyportError } from '../../model/index.ts'

/** What a request to be held is refused with, and the place of the configuration that says so. */
export function refuse(code: Extract<ErrorCode, `call_${string}`>, rule: string): SallyportError {
  return new SallyportError(code, { rule })
}
