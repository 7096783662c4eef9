import { type ErrorCode, SallyportError } from '../model/index.ts'

/** Is it a failure of ours with one of these codes? */
export function isCode(error: unknown, ...codes: readonly ErrorCode[]): error is SallyportError {
  return error instanceof SallyportError && codes.includes(error.code)
}
