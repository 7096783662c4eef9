import type { Audit } from '../../audit/index.ts'
import {
  type Clock,
  joinKey,
  SallyportError,
  type Server,
  type Tool,
  type ToolPin,
} from '../../model/index.ts'
import { isUnderReview, type Policy } from '../../policy/index.ts'
import type { Pins } from '../../storage/index.ts'
import type { Log, Metrics } from '../../telemetry/index.ts'
import { createDefinitionReader, isListed, type Listed, type SeenDefinition } from './definition.ts'
import { createPinNotes, type PinNotes } from './notes.ts'
import { annotatesHeadersWell, type RepeatedArgument, repeatedBy } from './parameter-headers.ts'
import { openPinBook, type PinBook } from './pin-book.ts'

export interface DefinitionsSlice {
  readonly tenant: string
  readonly servers: readonly Server[]
}

export interface DefinitionsDeps {
  readonly policy: Pick<Policy, 'tool'>
  readonly pins: Pins
  readonly audit: Pick<Audit, 'note'>
  readonly metrics: Pick<Metrics, 'toolsUnderReview'>
  readonly clock: Clock
  readonly log: Log
  /** Told of tools that no entry covers, whenever they are listed. */
  readonly uncovered: (server: Server, tools: readonly Listed[]) => void
}

/** A tool that the configuration covers, with what is known of it. */
export interface KnownTool {
  readonly entry: Tool
  readonly underReview: boolean
  readonly pin: ToolPin
}

/**
 * What the tools of each server are held to (design §5). Decided is from memory; the store is written behind it, and
 * read at the start.
 */
export interface Definitions {
  /** The fact of that name. What no entry covers is for the policy to refuse. */
  underReview(server: string, tool: string): boolean
  /** Takes note of what a server lists. The first definition of a tool is its pin. */
  see(server: Server, listed: readonly unknown[]): void
  /** Which arguments of its calls headers repeat, as far as its definition was seen since the start. */
  repeated(server: string, tool: string): readonly RepeatedArgument[]
  /** Tools of which a definition was seen or is fixed, by server and name. */
  known(): readonly KnownTool[]
  /**
   * Makes a definition the pin. It has to be the one that was seen last, so that what was looked at is what is accepted.
   * @throws not_found, tool_accept_refused, record_unavailable, state_unavailable
   */
  accept(server: string, tool: string, digest: string): Promise<void>
}

/** What all parts have in common. */
interface Inside extends DefinitionsSlice, DefinitionsDeps {
  readonly book: PinBook
  readonly notes: PinNotes
  readonly read: ReturnType<typeof createDefinitionReader>
  /** By server and tool; of a tool that no header repeats anything of, nothing. */
  readonly repeated: Map<string, readonly RepeatedArgument[]>
}

export async function openDefinitions(slice: DefinitionsSlice, deps: DefinitionsDeps): Promise<Definitions> {
  const book = await openPinBook(slice.tenant, deps.pins)
  const notes = createPinNotes(deps.audit, deps.log)
  const inside: Inside = {
    ...slice,
    ...deps,
    book,
    notes,
    read: createDefinitionReader(),
    repeated: new Map(),
  }
  for (const { name, tools } of slice.servers) for (const tool of tools) fix(name, tool, inside)
  await book.write()
  measure(inside)
  return {
    underReview: (server, tool) => underReview(server, tool, inside),
    see: (server, listed) => see(server, listed, inside),
    repeated: (server, tool) => inside.repeated.get(joinKey(server, tool)) ?? [],
    known: () => knownTools(inside),
    accept: (server, tool, digest) => accept(server, tool, { digest, inside }),
  }
}

/** A server that makes up ever new tools fills no store: further ones stay under review. */
const mostOfServer = 1_000
const longestName = 256

function mayKeep(server: string, tool: string, { book, policy }: Inside): boolean {
  if (policy.tool(server, tool)?.name === tool || book.get(server, tool) !== undefined) return true
  return tool.length <= longestName && book.count(server) < mostOfServer
}

function underReview(server: string, tool: string, inside: Inside): boolean {
  const entry = inside.policy.tool(server, tool)
  if (entry === undefined) return false
  return !mayKeep(server, tool, inside) || isUnderReview(entry, inside.book.get(server, tool))
}

function see(server: Server, listed: readonly unknown[], inside: Inside): void {
  const { policy, uncovered, book, log, clock } = inside
  const hidden: Listed[] = []
  const seen = new Map<string, SeenDefinition[]>()
  for (const tool of listed) {
    if (!isListed(tool)) continue
    if (policy.tool(server.name, tool.name) === undefined) hidden.push(tool)
    else {
      noteRepeated(server.name, tool, inside)
      seen.set(tool.name, [...(seen.get(tool.name) ?? []), inside.read(tool, clock.now())])
    }
  }
  if (hidden.length > 0) uncovered(server, hidden)
  const changed = [...seen].filter(([name, definitions]) =>
    seeTool(server.name, name, { definitions, inside }),
  )
  if (changed.length > 0) measure(inside)
  book.write().catch((error: unknown) => log.error('tool_pins_not_written', {}, error))
}

/** Of a definition that breaks the rules nothing is read: its tool is under review. */
function noteRepeated(server: string, tool: Listed, inside: Inside): void {
  const key = joinKey(server, tool.name)
  const { inputSchema } = tool
  const found =
    annotatesHeadersWell(inputSchema) && mayKeep(server, tool.name, inside) ? repeatedBy(inputSchema) : []
  if (found.length > 0) inside.repeated.set(key, found)
  else inside.repeated.delete(key)
}

/** Says whether anything changed. */
function seeTool(
  server: string,
  tool: string,
  { definitions, inside }: { readonly definitions: readonly SeenDefinition[]; readonly inside: Inside },
): boolean {
  const { book, notes, policy, tenant } = inside
  if (!mayKeep(server, tool, inside)) return false
  const kept: ToolPin = book.get(server, tool) ?? { tenant, server, tool }
  const entry = policy.tool(server, tool)
  const pinned = kept.pinned ?? firstPin(definitions)
  // Of several in one list, one that is not the pin counts.
  const seen =
    definitions.find((it) => it.fault !== undefined || it.digest !== pinned?.digest) ?? definitions[0]
  if (entry === undefined || seen === undefined) return false
  if (pinned === kept.pinned && seen.digest === kept.seen?.digest && seen.fault === kept.seen.fault)
    return false
  const now: ToolPin = { ...kept, ...(pinned === undefined ? {} : { pinned }), seen }
  book.set(now)
  notes.changed(kept, now, entry)
  return true
}

function firstPin(definitions: readonly SeenDefinition[]): ToolPin['pinned'] {
  const first = definitions.find(({ fault }) => fault === undefined)
  return first === undefined ? undefined : { ...first, by: 'first-seen' }
}

/** What the configuration fixes stays the pin when it no longer says so. */
function fix(server: string, entry: Tool, { book, notes, tenant, clock }: Inside): void {
  const { name: tool, pin: digest } = entry
  const kept: ToolPin = book.get(server, tool) ?? { tenant, server, tool }
  if (digest === undefined || kept.pinned?.digest === digest) return
  const known = kept.seen?.digest === digest ? kept.seen : { digest, at: clock.now() }
  const now: ToolPin = { ...kept, pinned: { ...known, by: 'configuration' } }
  book.set(now)
  notes.changed(kept, now, entry)
}

interface Accepting {
  readonly digest: string
  readonly inside: Inside
}

async function accept(server: string, tool: string, accepting: Accepting): Promise<void> {
  const { inside, digest } = accepting
  const { book, notes } = inside
  const before = acceptable(server, tool, accepting)
  if (before.pinned?.digest === digest) return
  await notes.accepted(before, digest)
  const now = acceptable(server, tool, accepting)
  book.set({ ...now, pinned: { ...now.seen, by: 'administrator' } })
  measure(inside)
  try {
    await book.write()
  } catch (error) {
    // Accepted is what outlives this process, and nothing else.
    const { pinned: _, ...rest } = book.get(server, tool) ?? now
    book.set({ ...rest, ...(before.pinned === undefined ? {} : { pinned: before.pinned }) })
    measure(inside)
    throw error
  }
}

function acceptable(server: string, tool: string, { digest, inside }: Accepting) {
  const entry = inside.policy.tool(server, tool)
  const kept = inside.book.get(server, tool)
  if (entry === undefined || kept === undefined) throw new SallyportError('not_found')
  const { seen } = kept
  if (seen === undefined || seen.digest !== digest)
    throw refused('digest', `look at it again: last seen is ${seen?.digest ?? 'none'}`)
  if (seen.fault !== undefined) throw refused('digest', `the server has to repair it: ${seen.fault}`)
  if (entry.pin !== undefined && entry.pin !== digest)
    throw refused(`servers.${server}.tools.${tool}.pin`, 'change it in the configuration, or remove it there')
  return { ...kept, seen }
}

const refused = (field: string, remedy: string): SallyportError =>
  new SallyportError('tool_accept_refused', { field, remedy })

function knownTools({ book, policy }: Inside): readonly KnownTool[] {
  return book.all().flatMap((pin) => {
    const entry = policy.tool(pin.server, pin.tool)
    return entry === undefined ? [] : [{ entry, pin, underReview: isUnderReview(entry, pin) }]
  })
}

/** What only the configuration knows of is not under review for anybody to look at. */
function measure(inside: Inside): void {
  const waiting = knownTools(inside).filter((it) => it.underReview && it.pin.seen !== undefined)
  for (const { name } of inside.servers) {
    const count = waiting.filter(({ pin }) => pin.server === name).length
    inside.metrics.toolsUnderReview.set({ server: name }, count)
  }
}
