import { type FetchAnswer, type FetchInit, type GuardedFetch, SallyportError } from '../model/index.ts'
import type { Control, Outgoing, Receiver, Transport } from './transport.ts'

/** The whole exchange, in milliseconds, and the largest body taken. */
export interface FetchLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
}

/**
 * `fetch` for everything that is no downstream request: keys, metadata, tokens, vault. Redirects come back as they
 * are, bodies are read whole up to the cap, compressed ones are refused, and the time limit covers all of it.
 * @throws address_refused, and whatever the transport throws for a failed exchange
 */
export function createGuardedFetch(
  limits: FetchLimits,
  deps: { readonly transport: (origin: string) => Transport },
): GuardedFetch {
  return async (url, init = {}) => {
    const target = new URL(url)
    if (target.username !== '' || target.password !== '') throw new SallyportError('address_refused')
    const transport = deps.transport(target.origin)
    const time = AbortSignal.timeout(limits.timeoutMs)
    const signal = init.signal === undefined ? time : AbortSignal.any([time, init.signal])
    signal.throwIfAborted()
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(limits.maxBytes, { resolve, reject })
      signal.addEventListener('abort', () => exchange.abort(signal.reason as Error), { once: true })
      transport.send(outgoing(target, init), exchange)
    })
  }
}

function outgoing(target: URL, { method = 'GET', headers = {}, body }: FetchInit): Outgoing {
  const named = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  named.set('accept-encoding', 'identity')
  if (body instanceof URLSearchParams && !named.has('content-type'))
    named.set('content-type', 'application/x-www-form-urlencoded')
  return {
    method,
    path: target.pathname + target.search,
    headers: [...named].flat(),
    body: body === undefined ? null : Buffer.from(String(body)),
    length: undefined,
  }
}

interface Outcome {
  readonly resolve: (answer: FetchAnswer) => void
  readonly reject: (error: Error) => void
}

/** Collects one answer. */
class Exchange implements Receiver {
  readonly #maxBytes: number
  readonly #outcome: Outcome
  readonly #chunks: Buffer[] = []
  #control: Control | undefined
  #ended: Error | undefined
  #size = 0
  #status = 0
  #headers: [string, string][] = []

  constructor(maxBytes: number, outcome: Outcome) {
    this.#maxBytes = maxBytes
    this.#outcome = outcome
  }

  /** Also where there is no connection yet: then nothing will be sent. */
  abort(error: Error): void {
    this.#ended = error
    this.#control?.abort(error)
    this.#outcome.reject(error)
  }

  onStart(control: Control): void {
    if (this.#ended !== undefined) throw this.#ended
    this.#control = control
  }

  onSent(): void {
    // Nothing waits for it.
  }

  onHead(status: number, head: readonly string[]): void {
    this.#status = status
    for (let index = 0; index < head.length; index += 2) {
      const [name = '', value = ''] = [head[index], head[index + 1]]
      this.#headers.push([name, value])
      if (name === 'content-encoding' && value !== 'identity')
        this.abort(new TypeError('the answer is compressed'))
    }
  }

  onData(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxBytes) this.abort(new TypeError('the answer is larger than allowed'))
    else this.#chunks.push(chunk)
  }

  onEnd(): void {
    this.#outcome.resolve(new Answer(this.#status, this.#headers, Buffer.concat(this.#chunks)))
  }

  onError(error: Error): void {
    this.#outcome.reject(error)
  }
}

class Answer implements FetchAnswer {
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly #bytes: Buffer

  constructor(status: number, headers: readonly [string, string][], bytes: Buffer) {
    this.status = status
    this.headers = headers
    this.#bytes = bytes
  }

  get body(): AsyncIterable<Uint8Array> {
    const bytes = this.#bytes
    return (async function* () {
      yield bytes
    })()
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(this.#bytes)
  }
}
