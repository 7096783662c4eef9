import { pino } from 'pino'
import { describeError } from './describe-error.ts'

/** What a log line may carry: short facts, never a secret, never an error object (see `describeError`). */
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined | readonly string[]>>

/** The logger handed to every room. Objects only; there is no printf form. An error goes through `describeError`. */
export interface Log {
  debug(event: string, facts?: LogFacts): void
  info(event: string, facts?: LogFacts): void
  warn(event: string, facts?: LogFacts, error?: unknown): void
  error(event: string, facts?: LogFacts, error?: unknown): void
}

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Where lines go; standard error by default, so that standard output stays for answers. */
  readonly stream?: { write(line: string): unknown }
}

/** One JSON object a line. Never throws: a log that fails must not fail a call. */
export function createLog(options: LogOptions): Log {
  const logger = pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'event' },
    options.stream ?? pino.destination({ fd: 2, sync: true }),
  )
  const say = (
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    facts?: LogFacts,
    error?: unknown,
  ) => {
    if (!logger.isLevelEnabled(level)) return
    try {
      logger[level]({ ...facts, ...(error === undefined ? {} : describeError(error)) }, event)
    } catch {
      // A value that refuses to be text (a Secret) must not fail the caller; the line is lost instead.
    }
  }
  return {
    debug: (event, facts) => say('debug', event, facts),
    info: (event, facts) => say('info', event, facts),
    warn: (event, facts, error) => say('warn', event, facts, error),
    error: (event, facts, error) => say('error', event, facts, error),
  }
}
