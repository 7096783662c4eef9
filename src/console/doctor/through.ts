import type { Outgoing, Transport } from '../../egress/index.ts'

/** What came back of one request, with the moments at which it came. */
export interface Through {
  readonly status: number
  readonly text: string
  /** Milliseconds between the first and the last bytes of the body. */
  readonly spread: number
}

const mostBytes = 1024 * 1024

/** One request on a connection of our own, its answer read as it comes. @throws as the connection fails */
export function goThrough(transport: Transport, request: Outgoing, now: () => number): Promise<Through> {
  const chunks: Buffer[] = []
  let status = 0
  let bytes = 0
  let first: number | undefined
  let last = 0
  return new Promise((resolve, reject) => {
    transport.send(request, {
      onStart: () => undefined,
      onSent: () => undefined,
      onHead: (code) => void (status = code),
      onData: (chunk) => {
        last = now()
        first ??= last
        bytes += chunk.length
        if (bytes <= mostBytes) chunks.push(Buffer.from(chunk))
      },
      onEnd: () =>
        resolve({ status, text: Buffer.concat(chunks).toString(), spread: last - (first ?? last) }),
      onError: reject,
    })
  })
}
