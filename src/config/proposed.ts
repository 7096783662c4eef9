import { Document, isMap, isNode, isPair, isScalar, type Node } from 'yaml'
import { printable } from '../audit/index.ts'
import type { Proposal, ProposedDownstream, ProposedEntry, ProposedTool } from '../model/index.ts'
import type { Path } from './document.ts'
import { escaped } from './print.ts'
import { onlyServer } from './report.ts'

const longest = { comment: 400, entry: 4_000, saying: 100 }

/**
 * One line behind a `#`. Whatever a server or a document says of itself goes through here: what does not print is shown
 * escaped, so that no text ends its comment, hides in it or turns it round.
 */
function comment(text: string): string {
  const most = text.startsWith(perhaps) ? longest.entry : longest.comment
  // Cut before as well: escapes make a text longer.
  const shown = printable(text.slice(0, 2 * most))
  return ` ${shown.length > most ? `${printable(shown.slice(0, most))}…` : shown}`
}

/** What follows is of our own making, and to be copied whole. */
const perhaps = 'Perhaps: '

/** The beginning of what a server says of a tool, in quotes that it cannot end. */
function saying(text: string): string {
  const short = text.length > longest.saying ? `${text.slice(0, longest.saying)}…` : text
  return `The server says: ${JSON.stringify(short)}`
}

/** A whole proposal as YAML that loads, with a comment for each thing that is proposed. */
export function printProposal({ server, tools, leftOut, downstream }: Proposal): string {
  const page = new Page({
    server,
    allow: [],
    tools: Object.fromEntries(tools.map((tool) => [tool.name, entryOf(tool)])),
    ...(downstream === undefined ? {} : { downstreams: { [downstream.name]: downstreamOf(downstream) } }),
  })
  page.head(preamble)
  page.behind(['server'], 'The MCP server, as the gateway reaches it.')
  page.above(['allow'], ...aboutAllow)
  page.above(
    ['tools'],
    'Tools without an entry are hidden and refused. Each is held to the definition of its pin.',
  )
  for (const tool of tools) annotate(page, ['tools', tool.name], tool)
  if (downstream !== undefined) annotateDownstream(page, ['downstreams', downstream.name], downstream)
  page.foot([
    ...listed('Tools that can have no entry, and stay hidden:', leftOut),
    ...listed('Not proposed of the document:', downstream?.leftOut ?? []),
  ])
  return page.print()
}

const preamble = [
  'Proposed by sallyport init, from what a server and a document say of themselves. Nobody is allowed anything yet.',
  'Read every line: annotations are the word of whoever wrote the server, and uses are guessed by names.',
  'It loads as it is: sallyport validate --form dev. For sallyport single, add:',
  '  url: https://mcp.example.com',
  '  login: { issuer: https://idp.example.com, client: { id: sallyport, secret: file:/run/secrets/idp } }',
  '  key: file:/run/keys/sallyport',
]
const aboutAllow = [
  'Whom this server is for: nobody, until you say it. For example ["group:crm-users"], or ["user:alice"] in dev.',
]
const mostListed = 100

function listed(title: string, texts: readonly string[]): readonly string[] {
  if (texts.length === 0) return []
  const more = texts.length > mostListed ? [`  … and ${texts.length - mostListed} more`] : []
  return [title, ...texts.slice(0, mostListed).map((text) => `  ${text}`), ...more]
}

/** Entries of tools alone, to be pasted under their server. */
export function printTools(
  tools: readonly ProposedTool[],
  { server, alone }: { readonly server: string; readonly alone: boolean },
): string {
  const entries = Object.fromEntries(tools.map((tool) => [tool.name, entryOf(tool)]))
  const short = alone && server === onlyServer
  const page = new Page(short ? { tools: entries } : { servers: { [server]: { tools: entries } } })
  page.head([
    `${server} offers tools that no entry covers: they are hidden. What they use and are is for you to say.`,
  ])
  const above: Path = short ? ['tools'] : ['servers', server, 'tools']
  for (const tool of tools) annotate(page, [...above, tool.name], tool)
  return `\n${page.print()}\n`
}

function entryOf({ class: risk, uses, pin }: ProposedTool) {
  return { class: risk, uses, ...(pin === undefined ? {} : { pin }) }
}

function annotate(page: Page, at: Path, { says, why, instead, pin, uses }: ProposedTool): void {
  page.above(at, ...(says === undefined ? [] : [saying(says)]))
  page.above(
    [...at, 'class'],
    why.class,
    ...(instead === undefined ? [] : [`${perhaps}${inOneLine(instead)}`]),
  )
  page.above([...at, 'uses'], ...(why.uses === undefined ? [] : [why.uses]))
  if (pin !== undefined) page.behind([...at, 'pin'], 'The definition as it was listed.')
  for (const [index, { bind, rest, times }] of uses.entries()) {
    const use = [...at, 'uses', index]
    for (const part of Object.keys(bind ?? {}))
      page.behind([...use, 'bind', part], 'Of the call, by its name and type.')
    if (rest !== undefined) page.behind([...use, 'rest'], 'Nothing else may stand in query and body.')
    if (times !== undefined) page.behind([...use, 'times'], 'In one call.')
  }
}

function inOneLine(entry: ProposedEntry): string {
  const document = new Document(entry, { aliasDuplicateObjects: false })
  return document.toString({ lineWidth: 0, collectionStyle: 'flow' }).trim()
}

function downstreamOf({ url, operations }: ProposedDownstream) {
  return {
    url,
    static: { per: 'user' },
    operations: operations
      .filter(({ unused }) => !unused)
      .map(({ op, class: risk }) => ({ op, class: risk })),
  }
}

function annotateDownstream(page: Page, at: Path, { operations, whyUrl }: ProposedDownstream): void {
  page.behind([...at, 'url'], whyUrl)
  page.above(
    [...at, 'static'],
    'How its credential is obtained: here each person’s own, put in by sallyport connect. Or',
    'exchange: { audience: orders-api, scope: orders.read }, or client-credentials (docs/credentials.md).',
  )
  page.above([...at, 'operations'], 'Whatever is not listed is refused.')
  const live = operations.filter(({ unused }) => !unused)
  for (const [index, { why }] of live.entries()) page.behind([...at, 'operations', index, 'class'], why)
  const rest = operations.filter(({ unused }) => unused)
  if (rest.length === 0) return
  page.above([...at, 'operations'], 'No tool seems to need these, so they are not listed:')
  for (const { op, class: risk, why } of rest.slice(0, mostUnused))
    page.above([...at, 'operations'], `  - ${inOneLine({ op, class: risk } as never)} # ${why}`)
  if (rest.length > mostUnused) page.above([...at, 'operations'], `  … and ${rest.length - mostUnused} more`)
}

const mostUnused = 300

/** A document of YAML whose lines can be commented on. */
class Page {
  readonly #document: Document

  constructor(value: object) {
    this.#document = new Document(escaped(value, []), { aliasDuplicateObjects: false })
  }

  head(lines: readonly string[]): void {
    this.#document.commentBefore = lines.map(comment).join('\n')
  }

  foot(lines: readonly string[]): void {
    if (lines.length > 0) this.#document.comment = lines.map(comment).join('\n')
  }

  /** On lines of its own before what stands at the path. */
  above(path: Path, ...lines: readonly string[]): void {
    const key = this.#keyOf(path)
    if (key === undefined || lines.length === 0) return
    const before = key.commentBefore === undefined || key.commentBefore === null ? [] : [key.commentBefore]
    key.commentBefore = [...before, ...lines.map(comment)].join('\n')
  }

  /** Behind the text at the path, on its line. */
  behind(path: Path, line: string): void {
    const node = this.#document.getIn(path, true)
    if (isScalar(node)) node.comment = comment(line)
  }

  print(): string {
    return this.#document.toString({ lineWidth: 0 })
  }

  #keyOf(path: Path): Node | undefined {
    const map = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true)
    if (!isMap(map)) return undefined
    const pair = map.items.find((one) => isPair(one) && isScalar(one.key) && one.key.value === path.at(-1))
    return isNode(pair?.key) ? pair.key : undefined
  }
}
