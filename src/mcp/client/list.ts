import type { Transport } from '../../egress/index.ts'
import type { Secret } from '../../model/index.ts'
import { isListed, type Listed } from '../tools/definition.ts'
import { isObject, type Posted, post, Unanswered } from './post.ts'

/** A header that the server asks of its clients, such as `authorization`. The name is in lower case. */
export interface ClientHeader {
  readonly name: string
  readonly value: Secret
}

export interface ListingTerms {
  readonly url: URL
  readonly header?: ClientHeader
  readonly signal: AbortSignal
  /** What is told to the server of its client. */
  readonly version: string
}

/** What a server lists, by the revision of the protocol that it answered in. */
export interface Listing {
  readonly protocol: string
  readonly tools: readonly Listed[]
  /** Entries of its lists that are no tools: they have no name. */
  readonly nameless: number
}

const modern = '2026-07-28'
/** What the gateway serves besides, the newest first. */
const legacy: readonly string[] = ['2025-11-25', '2025-06-18']

const most = { pages: 100, tools: 500, answerBytes: 4_194_304, bytes: 16_777_216 }

/** A shorter one might stand in a list by chance. */
const shortestSecret = 8

/**
 * The tools of a running MCP server (Streamable HTTP), or one sentence that says why there is no list. Asked in the
 * protocol of 2026-07-28 first; whoever does not know it is asked as of 2025-11-25.
 */
export async function listTools(transport: Transport, terms: ListingTerms): Promise<Listing | string> {
  const asking = new Asking(transport, terms)
  try {
    const first = await asking.modern({})
    const refused = refusal(first)
    if (refused !== undefined) return refused
    const begun = resultOf(first)?.['tools'] === undefined ? await asking.initialize() : modern
    if (!served(begun)) return begun
    const page = begun === modern ? first : await asking.legacy({})
    return await asking.pages(begun, page)
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error
    return `The server at ${terms.url.origin} cannot be asked: ${error.message}.`
  } finally {
    await asking.close()
  }
}

const served = (text: string): boolean => text === modern || legacy.includes(text)

const resultOf = ({ message }: Posted) => (isObject(message?.['result']) ? message['result'] : undefined)

/** What no other way of asking would change. */
function refusal({ status }: Posted): string | undefined {
  if (status === 401)
    return 'The server asks for a token (401): put the line "Authorization: Bearer …" into a file or variable, and name it with --header file:PATH or --header env:NAME.'
  if (status === 403)
    return 'The server refuses to list its tools (403): name a token of somebody who may, with --header file:PATH or --header env:NAME.'
  if (status >= 300 && status < 400)
    return 'The server sends its clients to another address, and none is followed: give that address itself with --server.'
  return undefined
}

const notMcp =
  'What answers there does not speak MCP over Streamable HTTP: --server is the address of its endpoint, often with /mcp at the end.'

class Asking {
  readonly #transport: Transport
  readonly #terms: ListingTerms
  readonly #path: string
  #id = 0
  #bytes = 0
  #session: string | undefined
  #version: string | undefined

  constructor(transport: Transport, terms: ListingTerms) {
    this.#transport = transport
    this.#terms = terms
    this.#path = terms.url.pathname + terms.url.search
  }

  modern(params: object): Promise<Posted> {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': modern,
      'io.modelcontextprotocol/clientInfo': this.#client(),
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    return this.#ask('tools/list', { ...params, _meta: meta }, [
      ...['mcp-protocol-version', modern],
      ...['mcp-method', 'tools/list'],
    ])
  }

  legacy(params: object): Promise<Posted> {
    return this.#ask('tools/list', params, this.#ofSession())
  }

  /** Begins a session, and gives the version that the server chose, or why there is none. */
  async initialize(): Promise<string> {
    const [wanted = ''] = legacy
    const params = { protocolVersion: wanted, capabilities: {}, clientInfo: this.#client() }
    const begun = await this.#ask('initialize', params, [])
    const refused = refusal(begun)
    if (refused !== undefined) return refused
    if (begun.status === 429 || begun.status >= 500)
      return `The server answers ${begun.status} and lists nothing: look at it, and try again.`
    const version = resultOf(begun)?.['protocolVersion']
    if (typeof version !== 'string') return notMcp
    if (!legacy.includes(version)) {
      const shown = /^\d{4}-\d\d-\d\d$/.test(version) ? version : 'another revision of MCP'
      return `The server speaks ${shown}; the gateway serves ${[modern, ...legacy].join(', ')}.`
    }
    this.#version = version
    this.#session = isToken(begun.session) ? begun.session : undefined
    await this.#send('POST', { jsonrpc: '2.0', method: 'notifications/initialized' })
    return version
  }

  /** All pages of the list, from the first one on. */
  async pages(protocol: string, first: Posted): Promise<Listing | string> {
    const tools: Listed[] = []
    const cursors = new Set<string>()
    let nameless = 0
    let page = first
    for (;;) {
      const result = resultOf(page)
      const listed = result?.['tools']
      if (!Array.isArray(listed)) return refusal(page) ?? 'The server does not list its tools.'
      tools.push(...listed.filter(isListed))
      nameless += listed.filter((one) => !isListed(one)).length
      if (tools.length > most.tools) return `The server lists more than ${most.tools} tools.`
      const cursor = result?.['nextCursor']
      if (typeof cursor !== 'string') return { protocol, tools, nameless }
      if (cursors.has(cursor)) return 'The list of the server has no end: a page names one before it.'
      cursors.add(cursor)
      if (cursors.size >= most.pages) return `The list of the server has more than ${most.pages} pages.`
      page = await (protocol === modern ? this.modern({ cursor }) : this.legacy({ cursor }))
    }
  }

  /** A session that is not ended waits at the server for its client. Whether that works out is the server's business. */
  async close(): Promise<void> {
    if (this.#session === undefined || this.#terms.signal.aborted) return
    await this.#send('DELETE').catch(() => undefined)
  }

  #client() {
    return { name: 'sallyport-init', version: this.#terms.version }
  }

  #ofSession(): readonly string[] {
    return [
      ...(this.#version === undefined ? [] : ['mcp-protocol-version', this.#version]),
      ...(this.#session === undefined ? [] : ['mcp-session-id', this.#session]),
    ]
  }

  #headers(): readonly string[] {
    const { header } = this.#terms
    return [
      ...['accept', 'application/json, text/event-stream', 'accept-encoding', 'identity'],
      ...(header === undefined ? [] : [header.name, header.value.reveal()]),
    ]
  }

  async #ask(method: string, params: object, more: readonly string[]): Promise<Posted> {
    this.#id += 1
    const id = this.#id
    const posted = await post(this.#transport, {
      path: this.#path,
      method: 'POST',
      headers: [...this.#headers(), 'content-type', 'application/json', ...more],
      body: { jsonrpc: '2.0', id, method, params },
      id,
      maxBytes: Math.min(most.answerBytes, most.bytes - this.#bytes),
      signal: this.#terms.signal,
    })
    this.#bytes += posted.text.length
    this.#checkReflected(posted)
    return posted
  }

  async #send(method: 'POST' | 'DELETE', body?: object): Promise<void> {
    await post(this.#transport, {
      path: this.#path,
      method,
      headers: [
        ...this.#headers(),
        ...(body === undefined ? [] : ['content-type', 'application/json']),
        ...this.#ofSession(),
      ],
      ...(body === undefined ? {} : { body }),
      maxBytes: 65_536,
      signal: this.#terms.signal,
    })
  }

  /** What a server is told in confidence does not go into a file because it says it again. */
  #checkReflected({ text }: Posted): void {
    const credential = this.#terms.header?.value.reveal().replace(/^\S+ +/, '') ?? ''
    if (credential.length < shortestSecret) return
    if (text.includes(credential)) throw new Unanswered('it repeats the token that it was given')
  }
}

/** Visible ASCII, as MCP has it of session ids. */
const isToken = (text: string | undefined): boolean =>
  text !== undefined && /^[\x21-\x7e]{1,1024}$/.test(text)
