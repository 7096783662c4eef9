import { targetOf } from '../egress/index.ts'
import {
  asSallyportError,
  type Facts,
  isJsonObject,
  type JsonObject,
  parseStrictJson,
} from '../model/index.ts'
import type { Policy } from '../policy/index.ts'

/** The words of a question that say a request, and the call that it is made within. */
export interface AskedWords {
  readonly tool?: string
  /** The parameters of the call, as JSON. */
  readonly args?: string
  /** These three together say a request; without them it is asked whether the tool may be called at all. */
  readonly downstream?: string
  readonly method?: string
  /** The path below the downstream's base path, percent-encoded. */
  readonly path?: string
  /** Or all of it, as a server would send it: `POST https://orders.example/orders/7?x=1`, or with a path of the egress. */
  readonly request?: string
  readonly body?: string
  /** The media type of the body; JSON if left out. */
  readonly type?: string
}

/** A request, as the egress would read it. */
export interface AskedRequest {
  readonly downstream: string
  readonly method: string
  readonly path: string
  readonly query: string
  readonly body?: string
  readonly type?: string
}

export interface Asked {
  /** Of the call; `any` where none are said, so that it is asked whether it could be made with some. */
  readonly arguments?: JsonObject | 'any'
  readonly request?: AskedRequest
}

/** What is asked about, or why it cannot be asked. */
export function askedOf(words: AskedWords, server: string, policy: Policy): Asked | string {
  const { tool, args: text } = words
  const args = text === undefined ? undefined : argumentsOf(text)
  if (typeof args === 'string') return args
  if (args !== undefined && tool === undefined) return '--args are those of a call: say of which --tool'
  const request = requestOf(words, server, policy)
  if (typeof request === 'string') return request
  if (request === undefined) {
    if (words.body !== undefined) return '--body is that of a request: say which with --request'
    if (tool === undefined) return sayWhat
  }
  return {
    ...(tool === undefined ? {} : { arguments: args ?? 'any' }),
    ...(request === undefined ? {} : { request }),
  }
}

const sayWhat =
  'say what is asked for with --request, or with --downstream, --method and --path, or a call alone with --tool'

function argumentsOf(text: string): JsonObject | string {
  try {
    const args = parseStrictJson(text)
    return isJsonObject(args) ? args : '--args are the parameters of a call: an object in JSON'
  } catch (error) {
    return `--args are the parameters of a call, in JSON: ${sentenceOf(error)}`
  }
}

const sentenceOf = (error: unknown): string => {
  const { row, code } = asSallyportError(error)
  return `${row.sentence} (${code})`
}

function requestOf(words: AskedWords, server: string, policy: Policy): AskedRequest | undefined | string {
  const { downstream, method, path, request, body, type = 'application/json' } = words
  const carried = body === undefined ? {} : { body, type }
  const parts = [downstream, method, path]
  if (request !== undefined) {
    if (parts.some((it) => it !== undefined)) return '--request says all of --downstream, --method and --path'
    return writtenOf(request, server, policy, carried)
  }
  if (downstream === undefined || method === undefined || path === undefined)
    return parts.some((it) => it !== undefined) ? sayWhat : undefined
  const question = path.indexOf('?')
  const [own, query] = question === -1 ? [path, ''] : [path.slice(0, question), path.slice(question)]
  return { downstream, method: method.toUpperCase(), path: own, query, ...carried }
}

function writtenOf(
  text: string,
  server: string,
  policy: Policy,
  carried: Pick<AskedRequest, 'body' | 'type'>,
): AskedRequest | string {
  const [, method, url] = /^([A-Za-z]+) +(\S+)$/.exec(text) ?? []
  if (method === undefined || url === undefined)
    return '--request is a method and an address: "POST https://orders.example/orders/7"'
  try {
    return { ...targetOf(url, server, policy), method: method.toUpperCase(), ...carried }
  } catch (error) {
    return `no request is made of ${JSON.stringify(url)}: ${sentenceOf(error)}`
  }
}

/** The facts of a request that are its own. */
export function factsOfAsked(
  { arguments: args, request }: Asked,
  server: string,
  policy: Policy,
): Pick<Facts, 'arguments' | 'downstream' | 'operation' | 'audienceGranted'> {
  const own = args === undefined ? {} : { arguments: args }
  if (request === undefined) return own
  const downstream = policy.downstream(request.downstream)
  const operation =
    downstream === undefined ? undefined : policy.match(downstream, request.method, request.path)
  return {
    ...own,
    downstream: request.downstream,
    ...(operation === undefined ? {} : { operation }),
    audienceGranted: policy.reachable(server).includes(request.downstream),
  }
}
