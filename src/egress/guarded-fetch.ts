import type { Dispatcher } from 'undici'
import { type GuardedFetch, SallyportError } from '../model/index.ts'

/** Statuses whose answers have no body (Fetch §2.2.3); `Response` refuses one there. */
const bodiless = new Set([101, 103, 204, 205, 304])

/**
 * `fetch` for everything that is no downstream request: keys, metadata, tokens, vault. Redirects come back as they
 * are, bodies are read whole up to the cap, compressed ones are refused, and the time limit covers all of it.
 * @throws address_refused, and whatever undici throws for a failed exchange
 */
export function createGuardedFetch(
  limits: { readonly timeoutMs: number; readonly maxBytes: number },
  deps: { readonly pool: (origin: string) => Dispatcher },
): GuardedFetch {
  return async (url, init) => {
    const request = new Request(url, init)
    const target = new URL(request.url)
    if (target.username !== '' || target.password !== '') throw new SallyportError('address_refused')
    const limit = AbortSignal.timeout(limits.timeoutMs)
    const answer = await deps.pool(target.origin).request({
      path: target.pathname + target.search,
      method: request.method,
      headers: { ...Object.fromEntries(request.headers), 'accept-encoding': 'identity' },
      body: request.body === null ? null : Buffer.from(await request.arrayBuffer()),
      signal: AbortSignal.any([limit, request.signal]),
    })
    const body = await readWhole(answer, limits.maxBytes)
    const headers = new Headers()
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const one of Array.isArray(value) ? value : [value ?? '']) headers.append(name, one)
    }
    return new Response(bodiless.has(answer.statusCode) ? null : body, { status: answer.statusCode, headers })
  }
}

async function readWhole(
  answer: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = answer.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    destroy(answer)
    throw new TypeError('the answer is compressed')
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxBytes) {
      destroy(answer)
      throw new TypeError('the answer is larger than allowed')
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Ends the exchange; the error that the body then raises is the one being thrown already. */
function destroy(answer: Dispatcher.ResponseData): void {
  answer.body.on('error', () => undefined)
  answer.body.destroy()
}
