import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
  type YAMLError,
} from 'yaml'
import type { ConfigProblem } from '../model/index.ts'
import { ConfigErrors } from './errors.ts'

/** Where a value stands: keys and list indices from the top. */
export type Path = readonly (string | number)[]

interface Place {
  readonly line: number
  readonly column: number
}

/** A parsed configuration file that still knows where everything stood. */
export interface Document {
  readonly file: string
  /** Maps, lists, texts, numbers, booleans and null only; no aliases, tags or dates. */
  readonly value: unknown
  /** Where the path stands, or the nearest part of it that does. */
  place(path: Path): Place
  /** The text of the value at the path as it was written, on one line and at most 120 characters. */
  source(path: Path): string
}

const maxBytes = 1024 * 1024
const maxDepth = 40

/**
 * Read one YAML 1.2 document. Anchors, aliases and tags are refused: what is in force is what stands at its place.
 * @throws ConfigErrors
 */
export function readDocument(text: string, file: string): Document {
  const lines = new LineCounter()
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  if (text.length > maxBytes) throw fault(file, { line: 1, column: 1 }, tooLarge)
  const root = parse(text, { file, lines, placeAt })
  const problems: ConfigProblem[] = []
  const offset = (node: Node | null) => placeAt(node?.range?.[0] ?? 0)
  const reject = (node: Node | null, what: Fault) =>
    void problems.push({ file, path: '', ...offset(node), ...what })
  refuseFeatures(root, reject)
  const value = root === null || problems.length > 0 ? null : plain(root, reject, 0)
  if (problems.length > 0) throw new ConfigErrors(problems)
  return {
    file,
    value,
    place: (path) => offset(descend(root, path, 'key')),
    source: (path) => sourceOf(text, descend(root, path, 'value')),
  }
}

interface Fault {
  readonly problem: string
  readonly remedy: string
}

const tooLarge: Fault = { problem: 'the file is larger than 1 MiB', remedy: 'give a configuration file' }

function fault(file: string, place: Place, what: Fault): ConfigErrors {
  return new ConfigErrors([{ file, path: '', ...place, ...what }])
}

interface Parsing {
  readonly file: string
  readonly lines: LineCounter
  placeAt(offset: number): Place
}

function parse(text: string, { file, lines, placeAt }: Parsing): Node | null {
  let documents: ReturnType<typeof parseAllDocuments>
  try {
    documents = parseAllDocuments(text, {
      version: '1.2',
      lineCounter: lines,
      stringKeys: true,
      prettyErrors: false,
    })
  } catch {
    throw fault(
      file,
      { line: 1, column: 1 },
      { problem: 'the YAML is nested too deeply', remedy: 'flatten it' },
    )
  }
  const [document, second] = documents as unknown as ReadonlyArray<(typeof documents)[number]>
  if (document === undefined) return null
  const errors = withoutFallout(documents.flatMap((one) => [...one.errors, ...one.warnings]))
  if (errors.length > 0) {
    throw new ConfigErrors(
      errors.map((error) => ({ file, path: '', ...placeAt(error.pos[0]), ...syntaxFault(error) })),
    )
  }
  if (second !== undefined) {
    const place = placeAt(second.range?.[0] ?? 0)
    throw fault(file, place, {
      problem: 'a second document begins here',
      remedy: 'give one document per file',
    })
  }
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    throw fault(
      file,
      { line: 1, column: 1 },
      { problem: 'only YAML 1.2 is read', remedy: 'remove the %YAML line' },
    )
  }
  return document.contents
}

/** Behind the first place where the syntax breaks, every further token is an error of its own. */
function withoutFallout(errors: readonly YAMLError[]): readonly YAMLError[] {
  const first = errors.findIndex(({ code }) => !local.has(code))
  return errors.filter(({ code }, index) => local.has(code) || index === first)
}

const local: ReadonlySet<string> = new Set(['DUPLICATE_KEY', 'NON_STRING_KEY', 'TAG_RESOLVE_FAILED'])
const quoteIt = 'put texts that hold { } [ ] # , or a colon and a blank in quotes'

/** The library's own texts quote the input, so each kind of error has a fixed text here. */
function syntaxFault(error: YAMLError): Fault {
  const known: Readonly<Record<string, Fault>> = {
    DUPLICATE_KEY: { problem: 'this key stands twice in its map', remedy: 'keep one of the two' },
    NON_STRING_KEY: { problem: 'a key is a text', remedy: 'write the key as plain text or in quotes' },
    TAB_AS_INDENT: { problem: 'the line is indented by a tab', remedy: 'indent with spaces' },
    TAG_RESOLVE_FAILED: { problem: 'tags are not read', remedy: 'remove the text that begins with !' },
    BAD_INDENT: {
      problem: 'the line is indented differently from its neighbours',
      remedy: 'align it with them',
    },
    MULTILINE_IMPLICIT_KEY: {
      problem: 'a key goes on over several lines',
      remedy: 'look for a missing colon or quote',
    },
    BLOCK_AS_IMPLICIT_KEY: {
      problem: 'a second "key: value" stands within a value',
      remedy: 'put the value in quotes where it holds a colon followed by a blank',
    },
    MISSING_CHAR: {
      problem: 'a closing quote, bracket, brace or comma is missing',
      remedy: `close it, or ${quoteIt}`,
    },
    BAD_ALIAS: { problem: 'anchors and aliases are not read', remedy: 'write the value out at its place' },
  }
  const found = known[error.code]
  return found ?? { problem: `this is no YAML 1.2 (${error.code})`, remedy: quoteIt }
}

function refuseFeatures(root: Node | null, reject: (node: Node | null, what: Fault) => void): void {
  if (root === null) return
  visit(root, (_, node) => {
    if (isAlias(node) || (isNode(node) && node.anchor !== undefined)) {
      reject(node, {
        problem: 'anchors and aliases are not read',
        remedy: 'write the value out at its place',
      })
    } else if (isNode(node) && node.tag !== undefined) {
      reject(node, { problem: 'tags are not read', remedy: 'remove the text that begins with !' })
    }
  })
}

function isNode(node: unknown): node is Exclude<Node, null> {
  return isMap(node) || isSeq(node) || isScalar(node)
}

function plain(node: unknown, reject: (node: Node | null, what: Fault) => void, depth: number): unknown {
  if (depth > maxDepth) {
    reject(node as Node, { problem: 'the YAML is nested too deeply', remedy: 'flatten it' })
    return null
  }
  if (isSeq(node)) return node.items.map((item) => plain(item, reject, depth + 1))
  if (isMap(node)) {
    const map: Record<string, unknown> = {}
    for (const pair of node.items) {
      const key = String(isScalar(pair.key) ? pair.key.value : '')
      if (key === '__proto__')
        reject(pair.key as Node, { problem: 'this key is not read', remedy: 'remove it' })
      else map[key] = plain(pair.value, reject, depth + 1)
    }
    return map
  }
  return isScalar(node) ? node.value : null
}

/** The node of a path, or of the nearest part of it that exists; for map entries the key or the value. */
function descend(root: Node | null, path: Path, want: 'key' | 'value'): Node | null {
  let node: Node | null = root
  let found: Node | null = root
  for (const step of path) {
    if (isMap(node)) {
      const pair: { key: unknown; value: unknown } | undefined = node.items.find(
        (it) => isScalar(it.key) && it.key.value === step,
      )
      if (pair === undefined) break
      node = pair.value as Node | null
      found = want === 'key' ? (pair.key as Node) : node
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)]
      if (item === undefined) break
      node = item as Node
      found = node
    } else break
  }
  return found
}

function sourceOf(text: string, node: Node | null): string {
  const [start, end] = node?.range ?? [0, 0]
  const line = text.slice(start, end).replaceAll(/\s+/g, ' ').trim()
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}

/** What stands at a path, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  let found = value
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined
    found = (found as Record<string | number, unknown>)[step]
  }
  return found
}
