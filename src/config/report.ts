import type { ConfigProblem } from '../model/index.ts'
import { type Document, type Path, valueAt } from './document.ts'
import { ConfigErrors } from './errors.ts'

/** Collects what is wrong, so that one run says all of it. */
export interface Report {
  readonly document: Document
  /** `path` is of the expanded form; the place is where it was written. */
  fault(path: Path, problem: string, remedy: string): void
  warn(path: Path, problem: string, remedy: string): void
  /**
   * A file as a fault may name it. Where the environment stands in its name, as it was written: what is meant to be
   * a path may be a secret.
   */
  shown(path: Path, file: string): string
  readonly warnings: readonly ConfigProblem[]
  /** @throws ConfigErrors where there is any fault */
  settle(): void
}

/** The name that the one server of a short form gets. */
export const onlyServer = 'main'

export function createReport(document: Document): Report {
  const faults: ConfigProblem[] = []
  const warnings: ConfigProblem[] = []
  const problem = (written: Path, what: string, remedy: string): ConfigProblem => ({
    file: document.file,
    ...document.place(written),
    path: pathText(written),
    problem: what,
    remedy,
  })
  const at = new Set<string>()
  return {
    document,
    warnings,
    fault: (path, what, remedy) => {
      const written = asWritten(document.value, path)
      const key = JSON.stringify(written)
      // What is wrong in one way is often wrong in others too; the first says it best.
      if (!at.has(key)) faults.push(problem(written, what, remedy))
      at.add(key)
    },
    warn: (path, what, remedy) => void warnings.push(problem(asWritten(document.value, path), what, remedy)),
    shown: (path, file) => {
      const written = valueAt(document.value, asWritten(document.value, path))
      return typeof written === 'string' && written.includes('${') ? written : file
    },
    settle: () => {
      if (faults.length > 0) throw new ConfigErrors(faults)
    },
  }
}

/** `servers.main.allow[0]` of a short form was written as `allow[0]`. */
function asWritten(value: unknown, path: Path): Path {
  const [first, second, ...rest] = path
  const long = typeof value === 'object' && value !== null && 'servers' in value
  if (long || first !== 'servers' || second !== onlyServer) return path
  return rest.length === 0 || rest[0] === 'url' ? ['server'] : rest
}

/** `downstreams.orders.operations[2].op`. */
function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[\w-]{1,63}$/.test(step)) text += text === '' ? step : `.${step}`
    else text += /^[\w./-]{1,40}$/.test(step) ? `["${step}"]` : '["…"]'
  }
  return text
}
