import type { Log } from '../telemetry/index.ts'

/** How many lines of one child are logged in ten seconds. */
const most = 100
const windowMs = 10_000

/** Anything of the form of a token. */
const tokens = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g

/** What a child writes to its standard error, in our log: a line at a time, shortened, without tokens, and not without end. */
export function createComplaints(
  facts: { readonly server: string; readonly child: number },
  hidden: string,
  { log, now }: { readonly log: Log; readonly now: () => number },
): (line: Buffer) => void {
  let begun = Number.NEGATIVE_INFINITY
  let lines = 0
  return (line) => {
    if (now() - begun > windowMs) {
      if (lines > most) log.info('stdio_stderr_left_out', { ...facts, lines: lines - most })
      begun = now()
      lines = 0
    }
    lines += 1
    if (lines > most) return
    const text = line.toString('utf8').replaceAll(tokens, '[token]').replaceAll(hidden, '[capability]')
    log.info('stdio_stderr', { ...facts, text })
  }
}
