import { isAbsolute, resolve } from 'node:path'
import { Secret } from '../model/index.ts'
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
const maxSecretBytes = 64 * 1024

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

/** `${NAME}` where a secret stands; `login.tenant.value` is the one `value` that is none. */
export function isSecretReference(text: string, path: Path): boolean {
  return whole.test(text) && secretKeys.has(path.at(-1) ?? '') && path.at(-2) !== 'tenant'
}

/** Where a `file:` reference leads; relative ones begin at the configuration file's folder. */
export function filePath(reference: string, folder: string): string {
  const path = reference.startsWith('file:') ? reference.slice('file:'.length) : reference
  return isAbsolute(path) ? path : resolve(folder, path)
}

export interface SecretReader {
  /** A secret text: one line, or PEM. A fault and an empty secret where it cannot be had. */
  text(reference: string, path: Path, label: string): Promise<Secret>
  /** The bytes of a key file, which has to have `least` of them. */
  bytes(reference: string, path: Path, least: number): Promise<Secret<Uint8Array>>
}

/** Reads what `file:` and `${NAME}` name. No value ever stands in a fault. */
export function createSecretReader(report: Report, sources: Sources, folder: string): SecretReader {
  const none = (label: string) => new Secret('', label)
  const text = async (reference: string, path: Path, label: string): Promise<Secret> => {
    const name = whole.exec(reference)?.[1]
    const found = name === undefined ? await file(reference, path) : environment(name, path)
    if (found === undefined) return none(label)
    const line = found.replace(/\r?\n$/, '')
    const fault = faultOfText(line)
    if (fault === undefined) return new Secret(line, label)
    report.fault(
      path,
      `the ${label} ${fault}`,
      'give the secret alone, in UTF-8 on one line, or one key in PEM',
    )
    return none(label)
  }
  const environment = (name: string, path: Path): string | undefined => {
    const found = sources.env[name]
    if (found === undefined || found === '') {
      report.fault(
        path,
        `the environment variable ${name} is ${found === undefined ? 'not set' : 'empty'}`,
        `set ${name}`,
      )
    }
    return found === '' ? undefined : found
  }
  const file = async (reference: string, path: Path): Promise<string | undefined> => {
    const facts = await read(reference, path)
    if (facts === undefined) return undefined
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(facts.bytes)
    } catch {
      report.fault(path, 'the secret file is not UTF-8', 'store the secret as plain text')
      return undefined
    }
  }
  // A reference that several members share (a client taken from the login) is read once, and at fault once.
  const seen = new Map<string, Promise<FileFacts | undefined>>()
  const read = (reference: string, path: Path): Promise<FileFacts | undefined> => {
    const place = filePath(reference, folder)
    const reading = seen.get(place) ?? readSecretFile(place, path, { report, sources })
    seen.set(place, reading)
    return reading
  }
  return {
    text,
    bytes: async (reference, path, least) => {
      const { bytes } = (await read(reference, path)) ?? { bytes: new Uint8Array() }
      if (bytes.length > 0 && bytes.length < least) {
        const remedy = `give at least ${least} random bytes: head -c ${least} /dev/urandom > file`
        report.fault(path, `the key has ${bytes.length} bytes`, remedy)
      }
      return new Secret(bytes, 'key')
    },
  }
}

async function readSecretFile(
  place: string,
  path: Path,
  { report, sources }: { readonly report: Report; readonly sources: Sources },
): Promise<FileFacts | undefined> {
  try {
    const facts = await sources.readFile(place)
    if (facts.bytes.length === 0) {
      report.fault(path, `the secret file ${place} is empty`, 'write the secret into it')
      return undefined
    }
    if (facts.bytes.length > maxSecretBytes) {
      report.fault(
        path,
        `the secret file ${place} is larger than 64 KiB`,
        'name the file that holds the secret alone',
      )
      return undefined
    }
    if (facts.worldReadable) {
      report.warn(path, `every user of this machine may read ${place}`, `chmod o-r ${place}`)
    }
    return facts
  } catch (error) {
    const [problem, remedy] = whyUnreadable(error, place)
    report.fault(path, problem, remedy)
    return undefined
  }
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

function faultOfText(text: string): string | undefined {
  if (text.trim() === '') return 'is empty'
  if (/^-----BEGIN [A-Z ]+-----\r?\n[\x20-\x7e\r\n]*-----END [A-Z ]+-----\s*$/.test(text)) return undefined
  if (/[\p{Cc}\ufeff\ufffd]/u.test(text)) return 'holds line breaks or controls'
  return text.trim() === text ? undefined : 'begins or ends with a blank'
}
