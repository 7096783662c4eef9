import { SallyportError } from '../model/index.ts'

/**
 * An error as it may be logged: name, code and frames, without its message. Client libraries put URLs, forms and
 * bodies into messages, so a foreign message never reaches a log.
 */
export function describeError(error: unknown): Readonly<Record<string, string>> {
  if (error instanceof SallyportError) {
    const cause = error.cause === undefined ? {} : { cause: nameOf(error.cause) }
    const facts = Object.fromEntries(
      Object.entries(error.facts).map(([key, value]) => [`fact_${key}`, String(value)]),
    )
    return { code: error.code, ...facts, ...cause }
  }
  if (!(error instanceof Error)) return { error: typeof error }
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return {
    error: nameOf(error),
    frames: frames
      .slice(0, 6)
      .map((line) => line.trim())
      .join(' < '),
  }
}

/** The class and the code of an error and of its causes; both are identifiers, never text. */
function nameOf(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 3) return typeof error
  const code = 'code' in error && typeof error.code === 'string' ? safeWord(error.code) : ''
  const own = code === '' ? safeWord(error.name) : `${safeWord(error.name)}(${code})`
  return error.cause === undefined ? own : `${own} < ${nameOf(error.cause, depth + 1)}`
}

function safeWord(text: string): string {
  return /^[A-Za-z0-9_.-]{1,60}$/.test(text) ? text : 'unnamed'
}
