import { type RiskClass, riskOrder } from '../model/index.ts'
import { parseTemplate } from '../policy/index.ts'
import type { Path } from './document.ts'
import { isMembers, parseOpenApi } from './openapi-document.ts'
import { filePath, type Sources, whyUnreadable } from './references.ts'
import type { Report } from './report.ts'

/** An operation that an OpenAPI document proposes. */
export interface OpenApiOperation {
  readonly name?: string
  readonly method: string
  readonly path: string
  readonly class: RiskClass
}

const maxBytes = 16 * 1024 * 1024
const tighten = 'x-sallyport-class'

/** What a method is likely to do. The reader of a document does not know, so nothing is ever less than this. */
const proposals: Readonly<Record<string, RiskClass>> = {
  get: 'read',
  head: 'read',
  post: 'write',
  put: 'write',
  patch: 'write',
  delete: 'critical',
  options: 'never',
  trace: 'never',
}

/** Read an OpenAPI 3 document (YAML or JSON). A fault at `path` where it cannot be used. */
export async function readOpenApi(
  reference: string,
  folder: string,
  path: Path,
  { report, sources }: { readonly report: Report; readonly sources: Sources },
): Promise<readonly OpenApiOperation[]> {
  const file = filePath(reference, folder)
  const place = report.shown(path, file)
  const read = await readText(file, place, sources).catch((error: unknown) => whyUnreadable(error, place))
  if (typeof read !== 'string') {
    report.fault(path, read[0], read[1])
    return []
  }
  const parsed = parseOpenApi(read)
  if ('why' in parsed) {
    report.fault(path, `${place} is no OpenAPI 3 document`, `at ${parsed.at}, ${parsed.why}`)
    return []
  }
  return Object.entries(parsed.paths).flatMap(([template, item]) =>
    operationsOf(template, item, { place, path, report }),
  )
}

async function readText(
  file: string,
  place: string,
  sources: Sources,
): Promise<string | readonly [string, string]> {
  const { bytes } = await sources.readFile(file)
  if (bytes.length > maxBytes) return [`${place} is larger than 16 MiB`, 'name a smaller document']
  return new TextDecoder().decode(bytes)
}

interface Context {
  readonly place: string
  readonly path: Path
  readonly report: Report
}

/** The operations at one path of a document. */
export function operationsOf(
  template: string,
  item: unknown,
  { place, path, report }: Context,
): OpenApiOperation[] {
  if (!isMembers(item)) return []
  const leftOut = (why: string) =>
    report.warn(
      path,
      `${shown(template)} of ${place} is left out: ${why}`,
      'list it under operations if it is needed',
    )
  if ('$ref' in item) {
    leftOut('it is a reference')
    return []
  }
  const problem = parseTemplate(template)
  if (typeof problem === 'string') {
    leftOut(problem)
    return []
  }
  const found: OpenApiOperation[] = []
  for (const [method, operation] of Object.entries(item)) {
    const proposed = proposals[method]
    if (proposed === undefined || !isMembers(operation)) continue
    const own = operation[tighten] ?? item[tighten]
    const risk = stricter(proposed, own)
    if (risk === undefined)
      report.fault(path, `${tighten} of ${shown(template)} is no class`, `write ${riskOrder.join(', ')}`)
    else if (own !== undefined && risk !== own) {
      report.warn(
        path,
        `${tighten} of ${shown(template)} cannot loosen ${proposed}`,
        'list the operation under operations with the class it has',
      )
    }
    const { operationId: name } = operation
    found.push({
      method: method.toUpperCase(),
      path: template,
      class: risk ?? 'never',
      ...(typeof name === 'string' && /^[\w.-]{1,200}$/.test(name) ? { name } : {}),
    })
  }
  return found
}

/** The later of two classes; undefined where the second is none. */
function stricter(proposed: RiskClass, own: unknown): RiskClass | undefined {
  if (own === undefined) return proposed
  const level = riskOrder.findIndex((it) => it === own)
  return level < 0 ? undefined : riskOrder[Math.max(level, riskOrder.indexOf(proposed))]
}

function shown(template: string): string {
  return /^[\x21-\x7e]{1,120}$/.test(template) ? template : 'a path'
}
