import { isAbsolute, resolve } from 'node:path'
import type { Path } from './document.ts'
import type { Report } from './report.ts'

/** What a file is, as far as the configuration looks. */
export interface FileFacts {
  readonly bytes: Uint8Array
  readonly worldReadable: boolean
}

/** Where references lead: the environment and files. `readFile` throws Node's errors, and for what is no regular file. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile: (path: string) => Promise<FileFacts>
}

const whole = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/

/** The last keys of paths at which secrets stand: there a reference stays a reference. */
export const secretKeys: ReadonlySet<string | number> = new Set([
  'secret',
  'token',
  'value',
  'passphrase',
  'key',
])

/**
 * Put the environment's values in for `${NAME}` in every text that holds no secret; `$${` stands for `${`.
 * What is not set is a fault at its place.
 */
export function fillIn(value: unknown, path: Path, report: Report, env: Sources['env']): unknown {
  if (Array.isArray(value)) return value.map((item, index) => fillIn(item, [...path, index], report, env))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, fillIn(inner, [...path, key], report, env)]),
    )
  }
  if (typeof value !== 'string' || !value.includes('${')) return value
  if (isSecretReference(value, path)) return value
  return value.replaceAll(/\$?\$\{([^}]*)\}?/g, (text, name: string) => {
    if (text.startsWith('$$')) return text.slice(1)
    if (!whole.test(text)) {
      report.fault(
        path,
        'this holds ${ without the name of a variable',
        'write ${NAME}, or $${ for the two characters themselves',
      )
      return ''
    }
    const found = env[name]
    if (found === undefined)
      report.fault(
        path,
        `the environment variable ${name} is not set`,
        `set ${name}, or write the value here`,
      )
    return found ?? ''
  })
}

/** `NAME` of a text that is `${NAME}` and nothing else. */
export function variableOf(text: string): string | undefined {
  return whole.exec(text)?.[1]
}

/** `${NAME}` where a secret stands; `login.tenant.value` is the one `value` that is none. */
export function isSecretReference(text: string, path: Path): boolean {
  return whole.test(text) && secretKeys.has(path.at(-1) ?? '') && path.at(-2) !== 'tenant'
}

/** Where a `file:` reference leads; relative ones begin at the configuration file's folder. */
export function filePath(reference: string, folder: string): string {
  const path = reference.startsWith('file:') ? reference.slice('file:'.length) : reference
  return isAbsolute(path) ? path : resolve(folder, path)
}

export function whyUnreadable(error: unknown, place: string): readonly [problem: string, remedy: string] {
  const code = (error as { readonly code?: unknown } | null)?.code
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return [`there is no file ${place}`, 'create it, or correct the path']
  if (code === 'EACCES' || code === 'EPERM')
    return [`the file ${place} may not be read`, 'let the user that runs sallyport read it']
  if (code === 'EISDIR') return [`${place} is no regular file`, 'name a file']
  return [`the file ${place} cannot be read`, 'check the file and its file system']
}
