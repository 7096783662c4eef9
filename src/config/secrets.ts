import { Secret, shortestGuarded } from '../model/index.ts'
import type { Path } from './document.ts'
import { type FileFacts, filePath, type Sources, variableOf, whyUnreadable } from './references.ts'
import type { Report } from './report.ts'

const maxBytes = 64 * 1024

/** Reads what `file:` and `${NAME}` name. A fault, and an empty secret, where it cannot be had. */
export interface SecretReader {
  /** A secret text: one line, or PEM. */
  text(reference: string, path: Path, label: string): Promise<Secret>
  /** One that answers will be searched for, and so must be long enough to be told from chance. */
  guarded(reference: string, path: Path, label: string): Promise<Secret>
  /** The bytes of a key file, which has to have `least` of them. */
  bytes(reference: string, path: Path, least: number): Promise<Secret<Uint8Array>>
}

/** What is being read: where it stands in the configuration, and where its faults go. */
interface Reading {
  readonly path: Path
  readonly report: Report
  readonly sources: Sources
}

/** No value ever stands in a fault. */
export function createSecretReader(report: Report, sources: Sources, folder: string): SecretReader {
  // A reference that several members share (a client taken from the login) is read once, and at fault once.
  const seen = new Map<string, Promise<FileFacts | undefined>>()
  const read = (reference: string, path: Path): Promise<FileFacts | undefined> => {
    const place = filePath(reference, folder)
    const reading = seen.get(place) ?? readSecretFile(place, { path, report, sources })
    seen.set(place, reading)
    return reading
  }
  const line = async (reference: string, path: Path, label: string): Promise<string> => {
    const reading = { path, report, sources }
    const name = variableOf(reference)
    const found =
      name === undefined ? asText(await read(reference, path), reading) : environment(name, reading)
    return found === undefined ? '' : trimmed(found, label, reading)
  }
  return {
    text: async (reference, path, label) => new Secret(await line(reference, path, label), label),
    guarded: async (reference, path, label) => {
      const found = await line(reference, path, label)
      if (found !== '' && Buffer.byteLength(found) < shortestGuarded) {
        const problem = `the ${label} has fewer than ${shortestGuarded} bytes, too few to be found in answers`
        report.fault(path, problem, 'use a longer one, or set guard: off for this downstream')
      }
      return new Secret(found, label)
    },
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

function environment(name: string, { path, report, sources }: Reading): string | undefined {
  const found = sources.env[name]
  if (found !== undefined && found !== '') return found
  const problem = `the environment variable ${name} is ${found === undefined ? 'not set' : 'empty'}`
  report.fault(path, problem, `set ${name}`)
  return undefined
}

function asText(facts: FileFacts | undefined, { path, report }: Reading): string | undefined {
  try {
    return facts && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(facts.bytes)
  } catch {
    report.fault(path, 'the secret file is not UTF-8', 'store the secret as plain text')
    return undefined
  }
}

/** The text without one line end at its end; empty where it is no secret. */
function trimmed(text: string, label: string, { path, report }: Reading): string {
  const line = text.replace(/\r?\n$/, '')
  const fault = faultOfText(line)
  if (fault === undefined) return line
  const remedy = 'give the secret alone, in UTF-8 on one line, or one key in PEM'
  report.fault(path, `the ${label} ${fault}`, remedy)
  return ''
}

async function readSecretFile(
  file: string,
  { path, report, sources }: Reading,
): Promise<FileFacts | undefined> {
  const place = report.shown(path, file)
  try {
    const facts = await sources.readFile(file)
    if (facts.bytes.length === 0) {
      report.fault(path, `the secret file ${place} is empty`, 'write the secret into it')
      return undefined
    }
    if (facts.bytes.length > maxBytes) {
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

function faultOfText(text: string): string | undefined {
  if (text.trim() === '') return 'is empty'
  if (/^-----BEGIN [A-Z ]+-----\r?\n[\x20-\x7e\r\n]*-----END [A-Z ]+-----\s*$/.test(text)) return undefined
  if (/[\p{Cc}\ufeff\ufffd]/u.test(text)) return 'holds line breaks or controls'
  return text.trim() === text ? undefined : 'begins or ends with a blank'
}
