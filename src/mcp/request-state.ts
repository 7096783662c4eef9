import {
  type Access,
  type Clock,
  isJsonObject,
  type JsonObject,
  parseStrictJson,
  SallyportError,
} from '../model/index.ts'
import type { Message } from './message.ts'
import { isSealed, type Seal } from '../storage/index.ts'

/** How long a person has for what is asked, in seconds. */
const life = 600
/** How many states are remembered as used; each is good for ten minutes and for one request alone. */
const capacity = 10_000

export const inputPrefix = 'sallyport.'

type Request = Extract<Message, { kind: 'request' }>

/**
 * What a client brings back with its answer to what we asked (MCP 2026-07-28, multi round-trip requests). It comes from the
 * client, so it says who was asked for which call and until when, sealed; and it permits nothing: on its return everything
 * is decided anew.
 */
export interface RequestStates {
  issue(message: Request, access: Access): string
  /** The message without our state and the answers to us. @throws request_state_invalid */
  redeem(message: Request, access: Access): Request
}

export interface RequestStateDeps {
  readonly seal: Seal
  readonly digest: (value: JsonObject) => string
  readonly newId: () => string
  readonly clock: Pick<Clock, 'now'>
}

export function createRequestStates({ seal, digest, newId, clock }: RequestStateDeps): RequestStates {
  const used = new Set<string>()
  const bindingOf = ({ method, params }: Request, { session }: Access): string => {
    const { name = null, arguments: args = null } = params
    const { issuer, subject, kind } = session.principal
    const { server, client } = session
    return digest({ method, name, args, issuer, subject, kind, server, client })
  }
  const read = (state: string): JsonObject => {
    const text = seal.open(state)
    const value = text === undefined ? undefined : parseStrictJson(text)
    if (!isJsonObject(value)) throw invalid()
    return value
  }
  return {
    issue: (message, access) =>
      seal.close(JSON.stringify({ id: newId(), until: clock.now() + life, of: bindingOf(message, access) })),
    redeem(message, access) {
      const { requestState, inputResponses, ...params } = message.params
      if (!isSealed(requestState)) return message
      const { id, until, of } = read(requestState)
      const late = typeof until !== 'number' || until <= clock.now()
      if (late || typeof id !== 'string' || used.has(id) || of !== bindingOf(message, access)) throw invalid()
      remember(used, id)
      const others = isJsonObject(inputResponses)
        ? Object.entries(inputResponses).filter(([name]) => !name.startsWith(inputPrefix))
        : []
      const left = others.length === 0 ? {} : { inputResponses: Object.fromEntries(others) }
      return { ...message, params: { ...params, ...left } }
    },
  }
}

function remember(used: Set<string>, id: string): void {
  used.add(id)
  if (used.size <= capacity) return
  const [oldest] = used
  if (oldest !== undefined) used.delete(oldest)
}

const invalid = (): SallyportError => new SallyportError('request_state_invalid')
