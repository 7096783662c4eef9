import type { z } from 'zod'
import { type Path, valueAt } from './document.ts'
import type { Report } from './report.ts'
import { jsonSchema, knownKeys, type Shape, shapesAt } from './shape.ts'
import { nearest } from './texts.ts'

type Issue = z.core.$ZodIssue

/** Members that the design has and this version does not. */
const notYet: ReadonlySet<string> = new Set([
  'approvals',
  'broker-token',
  'gateway',
  'hub',
  'mints_access',
  'sidecar',
])

/** Say what the schema found, in words that never hold a value of the file except keys and one-key maps. */
export function reportIssues(issues: readonly Issue[], report: Report): void {
  const root = jsonSchema()
  for (const issue of issues) reportIssue(issue, [], { report, root })
}

interface Context {
  readonly report: Report
  readonly root: Shape
}

function reportIssue(issue: Issue, at: Path, context: Context): void {
  const path: Path = [...at, ...(issue.path as Path)]
  if (reportOneKeyMap(path, context)) return
  const { report, root } = context
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) reportUnknownKey(path, key, context)
      return
    case 'invalid_union': {
      reportUnion(issue, path, context)
      return
    }
    case 'invalid_key':
      for (const inner of issue.issues) reportIssue({ ...inner, path: [] }, path, context)
      return
    case 'invalid_value':
      if (typeof valueAt(report.document.value, path) !== 'string') {
        reportType(path, context)
        return
      }
      {
        report.fault(path, 'this is none of the known words', `write ${list(issue.values.map(String))}`)
        return
      }
    case 'invalid_type': {
      reportType(path, { report, root })
      return
    }
    case 'too_small': {
      report.fault(path, 'this is too small or has too few entries', `give at least ${issue.minimum}`)
      return
    }
    case 'too_big': {
      report.fault(path, 'this is too large or has too many entries', `give at most ${issue.maximum}`)
      return
    }
    case 'custom': {
      report.fault(path, issue.message, String(issue.params?.['remedy'] ?? 'correct it'))
      return
    }
    default: {
      report.fault(path, 'this has not the right form', expectation(shapesAt(root, path)))
      return
    }
  }
}

/** Where a text or a map may stand: the alternative whose kind was written is the one that was meant. */
function reportUnion(issue: Extract<Issue, { code: 'invalid_union' }>, path: Path, context: Context): void {
  const meant = issue.errors.find((errors) =>
    errors.some((inner) => !(inner.code === 'invalid_type' && inner.path.length === 0)),
  )
  if (meant === undefined) {
    reportType(path, context)
    return
  }
  for (const inner of meant) reportIssue(inner, path, context)
}

function reportUnknownKey(path: Path, key: string, { report, root }: Context): void {
  const known = knownKeys(root, path)
  const spot = [...path, key]
  const shown = /^[\w .-]{1,40}$/.test(key) ? `"${key}"` : 'this'
  if (notYet.has(key)) {
    report.fault(spot, `this version does not have ${shown}`, `remove it; it has ${list(known)}`)
    return
  }
  const near = nearest(key, known)
  report.fault(
    spot,
    `${shown} is no known key here`,
    near === undefined ? `known are ${list(known)}` : `did you mean "${near}"?`,
  )
}

function reportType(path: Path, { report, root }: Context): void {
  const value = valueAt(report.document.value, path)
  const expected = expectation(shapesAt(root, path))
  if (value === undefined) {
    report.fault(path, 'this is missing', expected)
    return
  }
  if (value === null) {
    report.fault(path, 'there is nothing here', `${expected}, or remove the key`)
    return
  }
  const quote =
    typeof value === 'number' || typeof value === 'boolean' ? '; put it in quotes if it is a text' : ''
  report.fault(path, `this is ${kindOf(value)}`, `${expected}${quote}`)
}

/** `- group: crm` where `- "group:crm"` was meant: YAML reads a colon and a blank as a map. */
function reportOneKeyMap(path: Path, { report, root }: Context): boolean {
  const value = valueAt(report.document.value, path)
  const inList = typeof path.at(-1) === 'number'
  if (!inList || typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const [entry, second] = Object.entries(value as Record<string, unknown>)
  const shapes = shapesAt(root, path)
  const isOperation = shapes.some((shape) => shape.properties?.['op'] !== undefined)
  const isText = shapes.some((shape) => shape.type === 'string')
  if (entry === undefined || second !== undefined || (!isText && !isOperation)) return false
  const [key, inner] = entry
  const known = knownKeys(root, path)
  const isRule = known.includes('group')
  if (known.includes(key) && !(isRule && typeof inner === 'string')) return false
  const source = report.document.source(path)
  const expected = isText ? 'a text' : 'an operation'
  const meant = isText
    ? `put it in quotes: - ${JSON.stringify(meantText(key, inner, isRule && known.includes(key)))}`
    : `write { op: ${JSON.stringify(key)}, class: read }`
  report.fault(path, `${expected} is expected, and this is a map of one key: ${source}`, meant)
  return true
}

function meantText(key: string, inner: unknown, isRule: boolean): string {
  if (inner === null) return key
  const text = typeof inner === 'string' ? inner : JSON.stringify(inner)
  return isRule ? `${key}:${text}` : `${key}: ${text}`
}

function expectation(shapes: readonly Shape[]): string {
  const kinds = shapes.map((shape) => {
    if (shape.enum !== undefined) return list(shape.enum.map(String))
    if (shape.type === 'array') return 'a list'
    if (shape.type === 'object') {
      const keys = shape.required ?? Object.keys(shape.properties ?? {})
      return keys.length === 0 ? 'a map by name' : `a map with ${list(keys)}`
    }
    return shape.type === 'string' ? 'a text' : shape.type === 'boolean' ? 'true or false' : 'a whole number'
  })
  return kinds.length === 0 ? 'see the reference' : `give ${[...new Set(kinds)].join(' or ')}`
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : typeof value === 'string' ? 'a text' : `a ${typeof value}`
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
}
