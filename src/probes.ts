/**
 * Probes: how `sallyport doctor` asks, through whatever stands before the public URL, whether requests come here and
 * come unchanged. An operator opens one at the admin face; requests that carry its id are then answered with what was
 * seen of them, on any path, before `Host` or a token is looked at. Where none is open nothing is looked for.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { type Clock, type Millis, millis } from './model/index.ts'

export interface Probes {
  /** Opens one; its id is good for a minute and so many requests. */
  open(): string
  /** Answers a request that carries an open id; says whether it did. */
  take(request: IncomingMessage, response: ServerResponse): boolean
}

const header = 'sallyport-probe'
const lifeMs = 60_000
const mostRequests = 64
const mostBytes = 64 * 1024 * 1024
/** Between the two events of a stream. */
const betweenEventsMs = 1_500

interface Open {
  readonly until: Millis
  requests: number
}

const digest = (text: string | undefined): string | null =>
  text === undefined ? null : createHash('sha256').update(text).digest('base64url')

async function readBody(request: IncomingMessage): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) break
    hash.update(chunk)
  }
  return { bytes, sha256: hash.digest('base64url') }
}

/** What was seen. Headers as digests: only who sent them can tell whether they are the same. */
async function seen(request: IncomingMessage, count: number) {
  const { method, url, headers } = request
  const digests = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, digest(String(value))]),
  )
  return { count, method, host: headers.host, path: url, body: await readBody(request), headers: digests }
}

async function answer(request: IncomingMessage, response: ServerResponse, count: number): Promise<void> {
  const text = JSON.stringify({ probe: request.headers[header], ...(await seen(request, count)) })
  const streams = request.headers.accept?.includes('text/event-stream') === true
  response.writeHead(200, {
    'content-type': streams ? 'text/event-stream' : 'application/json',
    // What may be kept must not be, or the next answer tells.
    'cache-control': 'no-store',
  })
  if (!streams) {
    response.end(text)
    return
  }
  response.write(`data: ${text}\n\n`)
  await pause(betweenEventsMs)
  response.end('data: {}\n\n')
}

export function createProbes(deps: {
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
}): Probes {
  const { clock, random } = deps
  const probes = new Map<string, Open>()

  const found = (id: string): Open | undefined => {
    const probe = probes.get(id)
    if (probe === undefined) return undefined
    if (clock.monotonic() < probe.until && probe.requests < mostRequests) return probe
    probes.delete(id)
    return undefined
  }

  return {
    open() {
      for (const id of probes.keys()) found(id)
      const id = random(24).toString('base64url')
      probes.set(id, { until: millis(clock.monotonic() + lifeMs), requests: 0 })
      return id
    },
    take(request, response) {
      if (probes.size === 0) return false
      const id = request.headers[header]
      const probe = typeof id === 'string' ? found(id) : undefined
      if (probe === undefined) return false
      probe.requests += 1
      answer(request, response, probe.requests).catch(() => response.destroy())
      return true
    },
  }
}

/** `POST /v1/probes`. */
export function mountProbes(app: FastifyInstance, probes: Probes): void {
  const response = { 200: { type: 'object', properties: { id: { type: 'string' } } } } as const
  app.post('/v1/probes', { schema: { response } }, async () => ({ id: probes.open() }))
}
