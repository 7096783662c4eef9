import { type Access, type Downstream, isJsonObject, type Json } from '../model/index.ts'
import type { Era } from './era.ts'
import type { Message } from './message.ts'
import { inputPrefix, type RequestStates } from './request-state.ts'

type Request = Extract<Message, { kind: 'request' }>

const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/** Whether a client said that it can show a person a link; `elicitation: {}` alone means forms only. */
export function showsLinks(capabilities: Json | undefined): boolean {
  if (!isJsonObject(capabilities)) return false
  const { elicitation } = capabilities
  return isJsonObject(elicitation) && isJsonObject(elicitation['url'])
}

/** What a modern client can do stands in each of its requests. */
export function capabilitiesOf({ params }: Request): Json | undefined {
  const meta = params['_meta']
  return isJsonObject(meta) ? meta[capabilitiesKey] : undefined
}

export interface Asking {
  readonly message: Request
  readonly access: Access
  readonly era: Era
  readonly links: boolean
  readonly missing: readonly Downstream[]
  readonly urlFor: (downstream: string) => string
}

/**
 * The answer to a call that needs a connection which its person does not have, in the way of the client's era: a request for
 * input, an error with links, or, for a client that shows none, a result that says it. Who opens a link has to show that
 * he is the one who was asked.
 */
export function askToConnect(asking: Asking, states: RequestStates, newId: () => string): object {
  const { message, access, era, links, missing, urlFor } = asking
  const asks = missing.map(({ name }) => ({
    name,
    url: urlFor(name),
    message: `${message.params['name'] as string} needs your access to ${name}. Open the link to connect it.`,
  }))
  if (era === 'modern' && links) {
    const inputRequests = Object.fromEntries(
      asks.map(({ name, url, message: text }) => [
        `${inputPrefix}connect.${name}`,
        { method: 'elicitation/create', params: { mode: 'url', url, message: text } },
      ]),
    )
    const requestState = states.issue(message, access)
    return result(message, { resultType: 'input_required', inputRequests, requestState })
  }
  if (era === 'legacy' && links) {
    const elicitations = asks.map(({ url, message: text }) => ({
      mode: 'url',
      elicitationId: newId(),
      url,
      message: text,
    }))
    const error = { code: -32_042, message: 'This needs a connection first.', data: { elicitations } }
    return { jsonrpc: '2.0', id: message.id, error }
  }
  const text = asks.map(({ url, message: says }) => `${says} ${url}`).join('\n')
  const complete = era === 'modern' ? { resultType: 'complete' } : {}
  return result(message, { ...complete, content: [{ type: 'text', text }], isError: true })
}

function result({ id }: Request, value: object): object {
  return { jsonrpc: '2.0', id, result: value }
}
