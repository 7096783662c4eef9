import type { Idp } from '../../test/kit/idp.ts'
import type { Tools } from '../install.ts'
import type { Aim } from '../load/generate.ts'
import type { PeerTokens } from '../tokens.ts'

/** What every contender puts before the upstream instead of what its caller showed. */
export const injectedValue = 'an-injected-credential-of-40-characters-'

export interface SallyportParts {
  /** Path of the compiled program. */
  readonly cli: string
  readonly idp: Idp
  /** Whether this build knows `downstreams.x.guard`. */
  readonly guardable: boolean
  /** Arguments of Node before the program: none but for profiles. */
  readonly nodeArgs: readonly string[]
}

/** Where a contender starts: its own folder, and the upstream that it stands before. */
export interface Setup {
  readonly tools: Tools
  readonly tokens: PeerTokens
  readonly sallyport: SallyportParts
  readonly folder: string
  /** Origin of the upstream. */
  readonly upstream: string
}

/** One process of a contender. */
export interface Contender {
  /** Undefined where there is no process between generator and upstream. */
  readonly pid: number | undefined
  /** A request as its callers send it; with another token than the good one where that is given. */
  aim(path: string, token?: string): Aim
  stop(): Promise<void>
  /** The last lines that it wrote. */
  log(): string
}

export interface Peer {
  readonly name: string
  /** The header in which the upstream finds `injectedValue`, lower case; `undefined`: nothing is injected. */
  readonly injects: { readonly header: string; readonly value: string } | undefined
  /** Whether a token with a bad signature is refused. */
  readonly verifies: boolean
  /** Whether an answer that holds the credential is withheld. */
  readonly withholds?: boolean
  start(setup: Setup): Promise<Contender>
}

export const bearerOf = (value: string) => ({ header: 'authorization', value: `Bearer ${value}` })

/** What an MCP server's HTTP client sends besides `Host` and `Authorization`: eight more headers, in every row. */
export const callerHeaders: Readonly<Record<string, string>> = {
  'User-Agent': 'orders-mcp/1.4.2 node/24',
  Accept: 'application/json, text/event-stream',
  'Accept-Language': 'en',
  'Cache-Control': 'no-cache',
  'MCP-Protocol-Version': '2025-11-25',
  'Mcp-Session-Id': '1868a90c-f2a4-4b0e-9d5c-7a1f0e5b6c3d',
  'X-Request-Id': '0193f6a0-5d6e-7c2b-8f31-2f7a9c1d4e5b',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
}
