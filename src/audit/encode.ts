import type { Actor, Principal, RecordEvent, RecordWho } from '../model/index.ts'
import { maxActorDepth } from '../model/index.ts'
import { quote, quoteForeign } from './text.ts'

/** Long enough for any honest event; a longer one loses its details, so that every line has a bounded length. */
const maxBody = 48 * 1024
const maxDetails = 40
const maxItems = 64

type Field = readonly [name: keyof RecordEvent, start: string, bound: number]
const field = (name: keyof RecordEvent, bound = 256): Field => [name, `,"${name}":`, bound]

/** Ours: configured names and fixed words. */
const own: readonly Field[] = [
  field('downstream'),
  field('operation', 512),
  field('method', 32),
  field('class', 32),
  field('decision', 16),
  field('reason', 64),
  field('rule', 512),
  field('policy', 64),
  field('approval', 128),
  field('credential', 64),
  field('result', 32),
]
/** Made or chosen by a caller, a server or a downstream. */
const foreign: readonly Field[] = [
  field('request', 128),
  field('tool'),
  field('call', 128),
  field('trace', 128),
  field('downstreamRequestId'),
]
const numbers: readonly Field[] = [
  field('rev'),
  field('status'),
  field('durationMs'),
  field('bytesIn'),
  field('bytesOut'),
]

/** How many texts of our own are remembered as quoted; configured names are far fewer. */
const maxWords = 2000

interface Memory {
  readonly principal: (value: Principal) => string
  readonly actor: (value: Actor) => string
  readonly word: (text: string, bound: number) => string
}

/**
 * Makes the function that writes an event as the members of a JSON object, without braces. It remembers the text
 * of principals and actors by identity, for the same object serves many requests of a session, and of configured
 * names by value.
 */
export function createEncoder(): (event: RecordEvent) => string {
  const words = new Map<string, string>()
  const memory: Memory = {
    principal: remember(encodePrincipal),
    actor: remember((actor: Actor) => encodeActor(actor, 0)),
    word: (text, bound) => {
      const known = words.get(text)
      if (known !== undefined) return known
      const quoted = quote(text, bound)
      if (words.size >= maxWords) words.clear()
      words.set(text, quoted)
      return quoted
    },
  }
  return (event) => {
    const head = `"kind":${memory.word(event.kind, 32)},"who":{${encodeWho(event.who, memory)}}${encodeFields(event, memory)}`
    if (event.details === undefined) return head
    const body = `${head},"details":{${encodeDetails(event.details)}}`
    return body.length <= maxBody ? body : `${head},"details":{"tooLong":true}`
  }
}

function remember<T extends object>(encode: (value: T) => string): (value: T) => string {
  const known = new WeakMap<T, string>()
  return (value) => {
    const found = known.get(value)
    if (found !== undefined) return found
    const text = encode(value)
    known.set(value, text)
    return text
  }
}

function encodeFields(event: RecordEvent, memory: Memory): string {
  let text = ''
  for (const [name, start, bound] of own) {
    const value = event[name]
    if (value !== undefined) text += start + memory.word(asText(value), bound)
  }
  for (const [name, start, bound] of foreign) {
    const value = event[name]
    if (value !== undefined) text += start + quoteForeign(asText(value), bound)
  }
  for (const [name, start] of numbers) {
    const value = event[name]
    if (value !== undefined) text += start + encodeNumber(value)
  }
  // A query often carries secrets, and operations are told apart by the path alone.
  if (event.path !== undefined) text += `,"path":${quoteForeign(withoutQuery(event.path), 2048)}`
  return text
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '[not recorded]'
}

function encodeWho(who: RecordWho, memory: Memory): string {
  let text = ''
  if (who.principal !== undefined) text += `,"principal":${memory.principal(who.principal)}`
  if (who.client !== undefined) text += `,"client":${quoteForeign(who.client, 512)}`
  if (who.actor !== undefined) text += `,"actor":${memory.actor(who.actor)}`
  if (who.server !== undefined) text += `,"server":${memory.word(who.server, 256)}`
  if (who.sid !== undefined) text += `,"sid":${quoteForeign(who.sid, 128)}`
  if (who.jti !== undefined) text += `,"jti":${quoteForeign(who.jti, 128)}`
  return text.slice(1)
}

function encodePrincipal(principal: Principal): string {
  const { kind, tenant, issuer, subject } = principal
  return (
    `{"kind":${quote(kind, 32)},"tenant":${quote(tenant, 256)}` +
    `,"issuer":${quoteForeign(issuer, 512)},"subject":${quoteForeign(subject, 512)}}`
  )
}

function encodeActor(actor: Actor, depth: number): string {
  const issuer = actor.issuer === undefined ? '' : `,"issuer":${quoteForeign(actor.issuer, 512)}`
  const start = `{"subject":${quoteForeign(actor.subject, 512)}${issuer}`
  if (actor.actingFor === undefined) return `${start}}`
  return depth + 1 >= maxActorDepth
    ? `${start},"deeper":true}`
    : `${start},"actingFor":${encodeActor(actor.actingFor, depth + 1)}}`
}

function encodeDetails(details: NonNullable<RecordEvent['details']>): string {
  const entries = Object.entries(details)
  const shown = entries
    .slice(0, maxDetails)
    .map(([name, value]) => `${quoteForeign(name, 64)}:${encodeValue(value)}`)
  return (entries.length > maxDetails ? [...shown, `"more":${entries.length - maxDetails}`] : shown).join(',')
}

/** Only what the type allows is written: a Secret or another object that slipped past it is not. */
function encodeValue(value: unknown): string {
  if (typeof value === 'string') return quoteForeign(value, 512)
  if (typeof value === 'number') return encodeNumber(value)
  if (typeof value === 'boolean') return String(value)
  if (Array.isArray(value))
    return `[${value
      .slice(0, maxItems)
      .map((item) => encodeItem(item))
      .join(',')}]`
  return '"[not recorded]"'
}

function encodeItem(item: unknown): string {
  return typeof item === 'string' ? quoteForeign(item, 256) : '"[not recorded]"'
}

function encodeNumber(value: unknown): string {
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : 'null'
}

function withoutQuery(path: string): string {
  const end = path.search(/[?#]/)
  return end === -1 ? path : path.slice(0, end)
}
