/** What a log line may carry: short facts, never a secret, never an error object (see `describeError`). */
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined | readonly string[]>>

/** The logger handed to every room. Objects only; there is no printf form. An error goes through `describeError`. */
export interface Log {
  debug(event: string, facts?: LogFacts): void
  info(event: string, facts?: LogFacts): void
  warn(event: string, facts?: LogFacts, error?: unknown): void
  error(event: string, facts?: LogFacts, error?: unknown): void
}
