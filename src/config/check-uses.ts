import { level } from '../model/index.ts'
import {
  parseParameter,
  parsePart,
  type Part,
  partKey,
  pathParameters,
  type Pointer,
} from '../policy/index.ts'
import type { Path } from './document.ts'
import type { Expanded, ExpandedOperation, ExpandedTool, ExpandedUse } from './expanded.ts'
import type { Report } from './report.ts'
import { nearest } from './texts.ts'
import { coveredBy, membersOf, methodAndPath, partsOf } from './uses.ts'

/** What the uses of a tool hold its calls to (design §5): every part and parameter is one, and what is critical is bound. */
export function checkUses(tool: ExpandedTool, path: Path, config: Expanded, report: Report): void {
  const before = new Set<string>()
  for (const [index, written] of tool.uses.entries()) {
    const place = [...path, 'uses', index]
    const use = membersOf(written)
    const covered = coveredBy(use, config)
    checkParts(use, place, report)
    checkCritical(use, covered, place, report)
    checkBodies(
      use,
      covered.filter((it) => level(it.class) <= level(tool.class)),
      place,
      report,
    )
    const { downstream } = partsOf(use)
    const keys = covered.map(({ op }) => `${downstream} ${op}`)
    if (keys.length > 0 && keys.every((key) => before.has(key)))
      report.warn(
        place,
        'a use before this one covers it, so this one never counts',
        'put it before the other, or remove it',
      )
    for (const key of keys) before.add(key)
  }
}

interface Named {
  readonly spot: Path
  readonly part: Part
}

function checkParts(use: ExpandedUse, place: Path, report: Report): void {
  const { operation } = partsOf(use)
  const { bind = {}, free = [] } = use
  if (operation === undefined) {
    for (const key of ['bind', 'free', 'unbound'] as const) {
      if (use[key] !== undefined)
        report.fault(
          [...place, key],
          'this is for one operation, and the use covers all of a downstream',
          'name the operation: op: "orders POST /orders"',
        )
    }
    return
  }
  const parameters = pathParameters(methodAndPath(operation).path)
  const named: Named[] = []
  const name = (text: string, spot: Path) => {
    const part = parsePart(text)
    if (typeof part === 'string') report.fault(spot, part, aboutParts)
    else {
      checkPathParameter(part, spot, parameters, report)
      named.push({ spot, part })
    }
  }
  for (const [text, parameter] of Object.entries(bind)) {
    const spot = [...place, 'bind', text]
    name(text, spot)
    const parsed = parseParameter(parameter)
    if (typeof parsed === 'string')
      report.fault(spot, parsed, 'write the name of a parameter, or a JSON Pointer that begins with /')
  }
  for (const [index, text] of free.entries()) name(text, [...place, 'free', index])
  checkOverlaps(named, report)
}

const aboutParts = 'write path.NAME, query.NAME, body.NAME, or body/… by JSON Pointer'

function checkPathParameter(part: Part, spot: Path, parameters: readonly string[], report: Report): void {
  if (part.kind !== 'path' || parameters.includes(part.name)) return
  const near = nearest(part.name, parameters)
  const known = parameters.length === 0 ? 'it has none' : `it has ${parameters.join(', ')}`
  report.fault(
    spot,
    'the path of the operation has no such parameter',
    near === undefined ? known : `did you mean "path.${near}"?`,
  )
}

/** What is named in two ways would be held in one, and whoever wrote both believes that it is held in both. */
function checkOverlaps(named: readonly Named[], report: Report): void {
  const keys = new Set<string>()
  for (const { spot, part } of named) {
    if (keys.has(partKey(part))) report.fault(spot, 'this part is named twice', 'keep one of the two')
    keys.add(partKey(part))
    const { pointer } = { pointer: undefined, ...part }
    if (pointer !== undefined && named.some(({ part: other }) => liesWithin(pointer, other)))
      report.fault(spot, 'this lies within another part that is named', 'keep one of the two')
  }
}

function liesWithin(pointer: Pointer, other: Part): boolean {
  if (other.kind !== 'body' || other.pointer.length >= pointer.length) return false
  return other.pointer.every((step, index) => step === pointer[index])
}

function checkCritical(
  { op, bind = {}, unbound }: ExpandedUse,
  covered: readonly ExpandedOperation[],
  place: Path,
  report: Report,
): void {
  const { operation } = partsOf({ op })
  if (operation === undefined || !covered.some((it) => it.class === 'critical')) return
  if (unbound === true) {
    report.warn(
      [...place, 'unbound'],
      'the server chooses what this critical operation does',
      'bind it to parameters of the call where that can be done',
    )
  } else if (Object.keys(bind).length === 0 && pathParameters(methodAndPath(operation).path).length > 0) {
    report.fault(
      [...place, 'free'],
      'nothing of a critical operation is bound to the call',
      'bind a parameter of its path or a member of its body, or write unbound: true',
    )
  }
}

const withBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** A body that nothing is said of is sent as it is by a write, and refused where the operation is critical. */
function checkBodies(
  { bind = {}, free = [], rest, unbound }: ExpandedUse,
  covered: readonly ExpandedOperation[],
  place: Path,
  report: Report,
): void {
  const isBody = (text: string) => /^body[./]/.test(text)
  const bound = Object.keys(bind).some(isBody)
  const carrying = covered.filter(({ op }) => withBody.has(methodAndPath(op).method))
  if (carrying.some((it) => it.class === 'write') && !bound && rest === undefined)
    report.warn(
      place,
      'the server chooses the body of this write',
      'bind it, as in bind: { body.NAME: parameter }, or write rest: refuse',
    )
  else if (carrying.some((it) => it.class === 'critical') && !bound && !free.some(isBody) && unbound !== true)
    report.warn(
      place,
      'nothing of the body is named, so a request with a body is refused',
      'bind it, as in bind: { body.NAME: parameter }',
    )
}
