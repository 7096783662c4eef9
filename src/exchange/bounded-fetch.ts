import type { CustomFetch, FetchBody } from 'openid-client'
import type { GuardedFetch } from '../model/index.ts'

/** What an authorization server may answer at most; more is broken off. */
const maxBytes = 64 * 1024

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > maxBytes) throw new TypeError('the answer is too large')
    chunks.push(chunk)
  }
  const whole = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}

/** The guarded fetch with a bound on the answer's size; the whole answer has arrived when it returns. */
export function boundedFetch(fetch: GuardedFetch): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      ...(body === undefined ? {} : { body: formOf(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    const { status, headers: answered, body: stream } = response
    const bytes = stream === null ? undefined : await readBounded(stream)
    const content = bytes === undefined || bytes.byteLength === 0 ? null : bytes
    return new Response(content, { status, headers: [...answered] })
  }
}

/** The library sends forms and nothing else. */
function formOf(body: FetchBody): string | URLSearchParams {
  if (typeof body === 'string' || body instanceof URLSearchParams) return body
  throw new TypeError('a body of another kind')
}
