/**
 * `fetch` as built by the one guarded dialler: it judges the resolved address, never follows a redirect, never
 * uses a proxy from the environment, and bounds time and size. Every outbound call that is not a downstream
 * request goes through it.
 *
 * The parts of the web's `fetch` that are in use: Node's own classes of that name are 14 MB of memory.
 */
export type GuardedFetch = (url: string | URL, init?: FetchInit) => Promise<FetchAnswer>

export interface FetchInit {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
  /** Whatever it says, none is followed. */
  readonly redirect?: 'error' | 'follow' | 'manual'
  readonly signal?: AbortSignal
}

/** A `Response` is one too. */
export interface FetchAnswer {
  readonly status: number
  readonly headers: Iterable<[name: string, value: string]>
  readonly body: AsyncIterable<Uint8Array> | null
  text(): Promise<string>
}
