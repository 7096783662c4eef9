/**
 * Logger, metrics and health. Never decides and never throws: a log or metric that fails must not fail a call.
 * No message of a foreign error and no secret leaves through here; errors are described by name, code and frames.
 * Metric names stand in one place (`metrics.ts`); their labels hold configured names and codes, never a person.
 * Evidence is not here but in `audit`: it must fail closed, this must not.
 */
export { describeError } from './describe-error.ts'
export { createHealth, type Health } from './health.ts'
export { createLog, type Log } from './log.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export type { CountRequest } from './request-tally.ts'
