import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns'
import { isIP, type OnReadOpts, type Socket } from 'node:net'
import type { buildConnector as Connecting } from 'undici'
import buildConnector from 'undici/lib/core/connect.js'
import { type GuardedFetch, SallyportError } from '../model/index.ts'
import { createGuard, type Guard, isLoopbackHost } from './guard.ts'
import { createGuardedFetch } from './guarded-fetch.ts'
import { createHttp1Client } from './http1/client.ts'
import { readIntoPage } from './http1/reading.ts'
import type { Client, OpenClient, Transport } from './transport.ts'

/** An origin that was configured: a downstream, an issuer, the vault. */
export interface DialOrigin {
  /** Any URL there; only scheme, host and port count. `http:` is served because it was configured so. */
  readonly url: string
  /** PEM of the certificates to trust there instead of the system's. */
  readonly ca?: string
}

/** Spans are milliseconds. */
export interface DialSlice {
  readonly origins: readonly DialOrigin[]
  /** `host:port` of what `tunnel` may reach; IPv6 in brackets. */
  readonly tunnels?: readonly string[]
  readonly network: {
    readonly allow: readonly string[]
    readonly deny: readonly string[]
  }
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly idleTimeoutMs: number
  /** For `fetch` only: the whole exchange, and the largest answer taken (1 MiB by default). */
  readonly fetchTimeoutMs?: number
  readonly fetchMaxBytes?: number
}

/** Name resolution as `node:dns` has it with `all: true`. */
export type Lookup = (
  hostname: string,
  options: { readonly all: true },
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

export interface Dial {
  readonly fetch: GuardedFetch
  /**
   * As `fetch`, for a public https host that somebody else names, such as the metadata of a client. Each on a connection
   * of its own, and small: 5 s and 64 KiB. @throws address_refused
   */
  readonly fetchPublic: GuardedFetch
  /** The connections of a configured origin, for what is injected. @throws address_refused */
  transport(origin: string): Transport
  /**
   * Let `fetch` reach an origin that trusted metadata names, such as a token endpoint beside its issuer. It must be
   * `https:` and resolve to public addresses, or to what `network.allow` lists. What runs on this machine may name what
   * runs there, too. @throws address_refused
   */
  allowOrigin(url: string, namedBy?: string): void
  /**
   * A bare connection to a listed `host:port`, half-open where one side has ended. Its address is judged like every
   * other. @throws address_refused, or as the connection fails
   */
  tunnel(place: string): Promise<Socket>
  /** Connects to a configured origin, TLS and all, and ends that without a word. @throws address_refused, or as the connection fails */
  reach(origin: string): Promise<void>
  /** Ends idle connections and, at once, those in use. */
  close(): Promise<void>
}

/** undici as the client, loaded only where it is configured. */
export async function loadUndici(): Promise<OpenClient> {
  return (await import('./undici-transport.ts')).openUndici
}

/**
 * The one owner of outbound sockets. An origin that is not listed is not dialled; what its name resolves to is
 * judged at connect, by the very lookup whose addresses the socket then uses, so nothing can change in between.
 */
export function createDial(
  slice: DialSlice,
  deps: { readonly lookup?: Lookup; readonly client?: OpenClient } = {},
): Dial {
  const guard = createGuard(slice.network)
  const doors = new Map<string, Door>()
  const lookup: Lookup = deps.lookup ?? systemLookup
  const made = doorMaker({ guard, lookup, slice }, deps.client ?? openHttp1)
  for (const { url: text, ca } of slice.origins) {
    const url = dialable(text)
    doors.set(url.origin, made(url, { publicOnly: false, ...(ca === undefined ? {} : { ca }) }))
  }
  const door = (origin: string): Door => {
    const found = doors.get(origin)
    if (found === undefined) throw new SallyportError('address_refused')
    return found
  }
  const tunnels = new Map(
    slice.tunnels?.map((place) => [place, tunnelTo(place, { guard, lookup, slice })] as const),
  )
  return {
    transport: (origin) => door(origin).transport,
    tunnel: async (place) => {
      const reach = tunnels.get(place)
      if (reach === undefined) throw new SallyportError('address_refused')
      return reach()
    },
    reach: (origin) => door(origin).reach(),
    fetch: createGuardedFetch(
      { timeoutMs: slice.fetchTimeoutMs ?? 10_000, maxBytes: slice.fetchMaxBytes ?? 1_048_576 },
      { transport: (origin) => door(origin).transport },
    ),
    fetchPublic: publicFetch((url) => made(url, { publicOnly: true })),
    allowOrigin: (text, namedBy) => {
      const url = dialable(text)
      if (doors.has(url.origin)) return
      const local = namedBy !== undefined && isHere(url) && isHere(dialable(namedBy))
      if (url.protocol !== 'https:' && !local) throw new SallyportError('address_refused')
      doors.set(url.origin, made(url, { publicOnly: !local }))
    },
    close: async () => {
      await Promise.all([...doors.values()].map(({ close }) => close()))
    },
  }
}

/** The connections of one origin, and one that is made to see whether any can be. */
interface Door extends Client {
  readonly reach: () => Promise<void>
}

interface DoorTerms {
  readonly ca?: string
  readonly publicOnly: boolean
}

function doorMaker(parts: DialParts, client: OpenClient) {
  // undici reads from its sockets itself.
  const reading = client === openHttp1 ? { onread: readIntoPage } : {}
  return (url: URL, terms: DoorTerms): Door => {
    const loopback = !terms.publicOnly && isLoopbackHost(url.hostname)
    const connect = guardedConnector(parts, { ...terms, ...reading, loopback })
    const reach = () => connected(connect, targetOf(url)).then((socket) => void socket.destroy())
    return { ...client(url.origin, parts.slice, connect), reach }
  }
}

const publicLimits = { timeoutMs: 5_000, maxBytes: 64 * 1024 }

/** A connection for each answer: what is asked for seldom needs none to be kept. */
function publicFetch(open: (url: URL) => Client): GuardedFetch {
  return async (text, init) => {
    const url = dialable(String(text))
    if (url.protocol !== 'https:') throw new SallyportError('address_refused')
    const { transport, close } = open(url)
    try {
      return await createGuardedFetch(publicLimits, { transport: () => transport })(url, init)
    } finally {
      await close()
    }
  }
}

const isHere = ({ hostname }: URL): boolean => isLoopbackHost(hostname)

function dialable(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const web = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url === undefined || !web || url.username !== '' || url.password !== '') {
    throw new SallyportError('address_refused')
  }
  return url
}

const targetOf = ({ hostname, protocol, port }: URL) => ({
  hostname: hostname.replaceAll(/[[\]]/g, ''),
  protocol,
  port,
})

function connected(connect: Connecting.connector, target: ReturnType<typeof targetOf>): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect(target, (error, socket) => {
      if (error !== null) reject(error)
      else resolve(socket)
    })
  })
}

const openHttp1: OpenClient = (origin, slice, connect) => {
  const target = targetOf(new URL(origin))
  const client = createHttp1Client({
    origin,
    headersTimeoutMs: slice.headersTimeoutMs,
    idleTimeoutMs: slice.idleTimeoutMs,
    connect: (done) => connect(target, (...[error, socket]) => done(error, socket)),
  })
  return { transport: client, close: () => client.close() }
}

interface DialParts {
  readonly guard: Guard
  readonly lookup: Lookup
  readonly slice: DialSlice
}

function tunnelTo(place: string, parts: DialParts): () => Promise<Socket> {
  const url = new URL(`tcp://${place}`)
  const loopback = isLoopbackHost(url.hostname)
  const connect = guardedConnector(parts, { loopback, publicOnly: false, halfOpen: true })
  return () => connected(connect, { ...targetOf(url), protocol: 'http:' })
}

function guardedConnector(
  parts: DialParts,
  terms: {
    readonly loopback: boolean
    readonly publicOnly: boolean
    readonly ca?: string
    readonly halfOpen?: true
    readonly onread?: OnReadOpts
  },
): Connecting.connector {
  const permitted = ({ address }: { address: string }) => parts.guard.permits(address, terms)
  const judgedLookup = (
    hostname: string,
    options: { readonly all?: boolean },
    done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ) => {
    parts.lookup(hostname, { all: true }, (error, addresses) => {
      const judged = error === null ? addresses.filter(permitted) : []
      const [first] = judged
      if (first === undefined) done(error ?? new SallyportError('address_refused'), [])
      else if (options.all === true) done(null, judged)
      else done(null, first.address, first.family)
    })
  }
  const connect = buildConnector({
    timeout: parts.slice.connectTimeoutMs,
    allowH2: false,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    lookup: judgedLookup as never,
    ...(terms.ca === undefined ? {} : { ca: terms.ca }),
    ...(terms.halfOpen ? { allowHalfOpen: true } : {}),
    ...(terms.onread === undefined ? {} : { onread: terms.onread }),
  })
  return (options, done) => {
    // A literal address is never looked up, so it is judged here.
    if (isIP(options.hostname) !== 0 && !permitted({ address: options.hostname })) {
      done(new SallyportError('address_refused'), null)
      return
    }
    connect(options, done)
  }
}
