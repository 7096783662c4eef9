import type {
  Actor,
  Json,
  JsonObject,
  Principal,
  RecordCommon,
  RecordEvent,
  RecordWho,
} from '../model/index.ts'
import { createNotes, isJsonObject, maxActorDepth } from '../model/index.ts'
import { quote, quoteForeign } from './text.ts'

/** Long enough for any honest event; a longer one loses its details, so that every line has a bounded length. */
const maxBody = 48 * 1024
const maxDetails = 40
const maxItems = 64

/** How many texts of our own are remembered as quoted; configured names are far fewer. */
const maxWords = 2000

interface Memory {
  readonly common: (common: RecordCommon) => string
  readonly who: (who: RecordWho) => string
  readonly principal: (value: Principal) => string
  readonly actor: (value: Actor) => string
  readonly word: (text: unknown, bound: number) => string
}

/**
 * Makes the function that writes an event as the members of a JSON object, without braces. It remembers the text
 * of persons and actors by identity, for the same object serves many requests of a session, and of configured names
 * by value.
 */
export function createEncoder(): (event: RecordEvent) => string {
  const words = new Map<unknown, string>()
  const memory: Memory = {
    common: remember((common: RecordCommon) => encodeAbout(common, memory)),
    who: remember((who: RecordWho) => encodeWho(who, memory)),
    principal: remember(encodePrincipal),
    actor: remember((actor: Actor) => encodeActor(actor, 0)),
    word: (value, bound) => {
      const known = words.get(value)
      if (known !== undefined) return known
      const quoted = quote(asText(value), bound)
      if (words.size >= maxWords) words.clear()
      words.set(value, quoted)
      return quoted
    },
  }
  return (event) => {
    const { common } = event
    const about =
      common === undefined
        ? encodeAbout(event, memory)
        : memory.common(common) + encodeOwn(event, memory.word)
    const head = `"kind":${memory.word(event.kind, 32)},${about}${encodeFields(event)}`
    if (event.details === undefined) return head
    const body = `${head},"details":{${encodeDetails(event.details)}}`
    return body.length <= maxBody ? body : `${head},"details":{"tooLong":true}`
  }
}

function remember<T extends object>(encode: (value: T) => string): (value: T) => string {
  const known = createNotes<T, string>()
  return (value) => {
    const found = known.get(value)
    if (found !== undefined) return found
    const text = encode(value)
    known.set(value, text)
    return text
  }
}

/** Who, and what is ours: configured names and fixed words. */
function encodeAbout(event: Omit<RecordEvent, 'kind'>, memory: Memory): string {
  return `"who":{${memory.who(event.who)}}${encodeOwn(event, memory.word)}`
}

/**
 * What a caller, a server or a downstream made or chose, and numbers. Member by member, here and in the other
 * functions: a loop over names would cost more than all the rest.
 */
function encodeFields(event: RecordEvent): string {
  const { parameters } = event
  const asked = parameters === undefined ? '' : `,"parameters":${encodeParameters(parameters)}`
  return encodeForeign(event) + encodeNumbers(event) + encodePath(event.path) + asked
}

function encodeOwn(event: Omit<RecordEvent, 'kind'>, word: Memory['word']): string {
  const { downstream, operation, method, decision, reason, rule, policy, approval, credential, result } =
    event
  let text = ''
  if (downstream !== undefined) text += `,"downstream":${word(downstream, 256)}`
  if (operation !== undefined) text += `,"operation":${word(operation, 512)}`
  if (method !== undefined) text += `,"method":${word(method, 32)}`
  if (event.class !== undefined) text += `,"class":${word(event.class, 32)}`
  if (decision !== undefined) text += `,"decision":${word(decision, 16)}`
  if (reason !== undefined) text += `,"reason":${word(reason, 64)}`
  if (rule !== undefined) text += `,"rule":${word(rule, 512)}`
  if (policy !== undefined) text += `,"policy":${word(policy, 64)}`
  if (event.observed !== undefined) text += `,"observed":${word(event.observed, 64)}`
  if (approval !== undefined) text += `,"approval":${word(approval, 128)}`
  if (credential !== undefined) text += `,"credential":${word(credential, 64)}`
  if (result !== undefined) text += `,"result":${word(result, 32)}`
  return text
}

function encodeForeign({ request, tool, call, trace, downstreamRequestId }: RecordEvent): string {
  let text = ''
  if (request !== undefined) text += `,"request":${quote(asText(request), 128)}`
  if (tool !== undefined) text += `,"tool":${foreign(tool, 256)}`
  if (call !== undefined) text += `,"call":${foreign(call, 128)}`
  if (trace !== undefined) text += `,"trace":${foreign(trace, 128)}`
  if (downstreamRequestId !== undefined) text += `,"downstreamRequestId":${foreign(downstreamRequestId, 256)}`
  return text
}

function encodeNumbers({ rev, status, durationMs, bytesIn, bytesOut }: RecordEvent): string {
  let text = ''
  if (rev !== undefined) text += `,"rev":${encodeNumber(rev)}`
  if (status !== undefined) text += `,"status":${encodeNumber(status)}`
  if (durationMs !== undefined) text += `,"durationMs":${encodeNumber(durationMs)}`
  if (bytesIn !== undefined) text += `,"bytesIn":${encodeNumber(bytesIn)}`
  if (bytesOut !== undefined) text += `,"bytesOut":${encodeNumber(bytesOut)}`
  return text
}

/** A query often carries secrets, and operations are told apart by the path alone. */
function encodePath(path: string | undefined): string {
  return path === undefined ? '' : `,"path":${quoteForeign(withoutQuery(path), 2048)}`
}

/** Longer ones are left out: the digest tells that there were such. */
const maxParameter = 1024

function encodeParameters(parameters: JsonObject): string {
  const shown = Object.entries(parameters)
    .slice(0, maxDetails)
    .map(([name, value]) => {
      const text = encodeJson(value, 0)
      return `${quoteForeign(name, 128)}:${text.length > maxParameter ? '"[too long]"' : text}`
    })
  return `{${shown.join(',')}}`
}

function encodeJson(value: Json | undefined, depth: number): string {
  if (typeof value === 'string') return quoteForeign(value, 512)
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value !== 'object' || depth > 4) return '"[not recorded]"'
  const size = isJsonObject(value) ? Object.keys(value).length : value.length
  if (size > maxItems) return '"[too long]"'
  if (!isJsonObject(value)) return `[${value.map((item) => encodeJson(item, depth + 1)).join(',')}]`
  const members = Object.entries(value)
  return `{${members.map(([name, it]) => `${quoteForeign(name, 128)}:${encodeJson(it, depth + 1)}`).join(',')}}`
}

function foreign(value: unknown, bound: number): string {
  return quoteForeign(asText(value), bound)
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
  if (who.workflow !== undefined) text += `,"workflow":${quoteForeign(who.workflow, 256)}`
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
  const query = path.indexOf('?')
  const fragment = path.indexOf('#')
  const end = query === -1 ? fragment : fragment === -1 ? query : Math.min(query, fragment)
  return end === -1 ? path : path.slice(0, end)
}
