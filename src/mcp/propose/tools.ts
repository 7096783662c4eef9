import type {
  KnownOperation,
  ProposedEntry,
  ProposedTool,
  ProposedUse,
  RiskClass,
} from '../../model/index.ts'
import { type Listed, readDefinition } from '../tools/definition.ts'
import { type Guess, guess } from './guess.ts'
import { parametersOf } from './parameters.ts'
import { speaksOfEffects } from './words.ts'

/** Names that an entry can have, in the configuration and in YAML. */
const configurable = /^[A-Za-z0-9_./-]{1,128}$/

export const canHaveEntry = ({ name }: Listed): boolean => configurable.test(name) && name !== '__proto__'

/**
 * What the entries of these tools could look like. What a server says of itself may propose `read`, and `write` for what
 * is bound to the call; whatever is not known is `never`. In the order of their names, each name once.
 */
export function proposeTools(
  tools: readonly Listed[],
  operations: readonly KnownOperation[],
): readonly ProposedTool[] {
  const byName = new Map<string, Listed[]>()
  for (const tool of tools.filter(canHaveEntry))
    byName.set(tool.name, [...(byName.get(tool.name) ?? []), tool])
  return [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, same]) => same.slice(0, 1).map((tool) => proposeTool(tool, same.length > 1, operations)))
}

function proposeTool(tool: Listed, twice: boolean, operations: readonly KnownOperation[]): ProposedTool {
  // The time stands in no digest.
  const definition = readDefinition(tool, 0 as never)
  const fault = twice ? 'The server lists this name more than once.' : faults[definition.fault ?? '']
  const says = definition.title ?? definition.description
  const base = { name: tool.name, ...(says === undefined ? {} : { says }) }
  if (fault !== undefined) return { ...base, class: 'never', uses: [], why: { class: fault } }
  return { ...base, pin: definition.digest, ...entryOf(tool, operations) }
}

const faults: Readonly<Record<string, string | undefined>> = {
  unreadable: 'Its definition has no canonical form (RFC 8785), so nothing could be held to it.',
  'x-mcp-header': 'Its x-mcp-header annotations break the rules of MCP, so it is under review.',
}

type Entry = Pick<ProposedTool, 'class' | 'uses' | 'why' | 'instead'>

function entryOf(tool: Listed, operations: readonly KnownOperation[]): Entry {
  const hint = hintOf(tool)
  const asked = { name: tool.name, parameters: parametersOf(tool['inputSchema']) }
  if (hint === 'reads' && speaksOfEffects(tool.name)) {
    const why = 'The server says that it only reads (readOnlyHint), and its name says otherwise.'
    return unknown(why, guess(asked, operations))
  }
  if (hint === 'reads')
    return reading(
      guess(
        asked,
        operations.filter((it) => it.class === 'read'),
      ),
      operations,
    )
  if (hint !== 'writes') return unknown(unhinted[hint], guess(asked, operations))
  return writing(
    guess(
      asked,
      operations.filter((it) => it.method !== 'GET' && it.method !== 'HEAD'),
    ),
  )
}

type Hint = 'reads' | 'writes' | 'destroys' | 'contradicts' | 'silent'

const unhinted: Readonly<Record<Exclude<Hint, 'reads' | 'writes'>, string>> = {
  destroys: 'The server says that it destroys (destructiveHint): people have to say how far it may go.',
  contradicts: 'The server says that it only reads, and that it destroys.',
  silent: 'The server does not say what it does (no readOnlyHint, no destructiveHint): unknown is never.',
}

/** Only what is said in so many words is said: `true` and `false`, and nothing that looks like them. */
function hintOf({ annotations }: Listed): Hint {
  if (typeof annotations !== 'object' || annotations === null) return 'silent'
  const { readOnlyHint: reads, destructiveHint: destroys } = annotations as Readonly<Record<string, unknown>>
  if (destroys === true) return reads === true ? 'contradicts' : 'destroys'
  if (reads === true) return 'reads'
  return destroys === false ? 'writes' : 'silent'
}

function reading(guesses: readonly Guess[], operations: readonly KnownOperation[]): Entry {
  const why = 'The server says that it only reads (readOnlyHint); it is for you to know.'
  const [only, second] = guesses
  if (only !== undefined && second === undefined)
    return { class: 'read', uses: [useOf(only)], why: { class: why, uses: toldOf(only) } }
  const uses =
    operations.length === 0
      ? 'No operations are known: it can do nothing downstream.'
      : `${several(guesses)}: it can do nothing downstream.`
  return { class: 'read', uses: [], why: { class: why, uses } }
}

/** What changes something is proposed where the call says to what. */
function writing(guesses: readonly Guess[]): Entry {
  const said = 'The server says that it changes things and destroys nothing (destructiveHint: false)'
  const [only, second] = guesses
  if (only === undefined || second !== undefined)
    return unknown(`${said}. What it changes is not known.`, guesses)
  const { operation, fit } = only
  if (operation.class !== 'write')
    return unknown(`${said}, but ${nameOf(operation)} is of class ${operation.class}.`, guesses)
  if (fit.missing.path.length > 0) {
    const missing = fit.missing.path.map((name) => `{${name}}`).join(', ')
    return unknown(`${said}, but no parameter of the tool fits ${missing} of ${nameOf(operation)}.`, guesses)
  }
  return {
    class: 'write',
    uses: [useOf(only)],
    why: { class: `${said}; it is for you to know.`, uses: toldOf(only) },
  }
}

/** Never, with what it could be once somebody has looked. */
function unknown(why: string, guesses: readonly Guess[]): Entry {
  const [only, second] = guesses
  if (only === undefined || second !== undefined)
    return { class: 'never', uses: [], why: { class: `${why} ${several(guesses)}.` } }
  const guessed = `${why} Perhaps it uses ${nameOf(only.operation)}, by ${only.by}.`
  if (only.operation.class === 'never')
    return { class: 'never', uses: [], why: { class: `${guessed} That is never done.` } }
  const instead: ProposedEntry = { class: only.operation.class, uses: [completable(only)] }
  return { class: 'never', uses: [], why: { class: guessed }, instead }
}

const mostTold = 3

function several(guesses: readonly Guess[]): string {
  if (guesses.length === 0) return 'No operation seems to be meant'
  const names = guesses.slice(0, mostTold).map(({ operation }) => nameOf(operation))
  const more = guesses.length > mostTold ? ` and ${guesses.length - mostTold} more` : ''
  return `Several operations fit alike (${names.join(', ')}${more})`
}

const nameOf = ({ downstream, method, path }: KnownOperation): string => `${downstream} ${method} ${path}`

function useOf({ operation, fit }: Guess): ProposedUse {
  const bind = Object.keys(fit.bind).length === 0 ? {} : { bind: fit.bind }
  const op = nameOf(operation)
  if (!changes(operation.class)) {
    // Nothing in the body of a read is worth holding.
    const path = Object.entries(fit.bind).filter(([part]) => part.startsWith('path.'))
    return path.length === 0 ? { op } : { op, bind: Object.fromEntries(path) }
  }
  return { op, ...bind, rest: 'refuse', times: 1 }
}

/** The same with the names of what is missing, for somebody to put in. */
function completable(one: Guess): ProposedUse {
  const use = useOf(one)
  const missing = one.fit.missing.path.map((name) => [`path.${name}`, 'WHICH_PARAMETER'] as const)
  if (missing.length === 0 || !changes(one.operation.class)) return use
  return { ...use, bind: { ...Object.fromEntries(missing), ...use.bind } }
}

const changes = (risk: RiskClass): boolean => risk === 'write' || risk === 'critical'

function toldOf({ operation, fit, by }: Guess): string {
  const guessed = `A guess, by ${by}.`
  if (!changes(operation.class)) return guessed
  const { body } = fit.missing
  if (operation.body === undefined) return `${guessed} Its body is not known: bind it, or none may be sent.`
  if (body.length === 0) return `${guessed} Nothing else may stand in the request.`
  const names = body.slice(0, mostTold).join(', ')
  const more = body.length > mostTold ? ` and ${body.length - mostTold} more` : ''
  return `${guessed} Not bound, so refused, of the body: ${names}${more}.`
}
