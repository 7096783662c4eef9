/**
 * Bytes against the egress, and the one thing that has to hold whatever they are: what a downstream reads is what was
 * recorded, request by request, each with exactly one credential, and the caller gets one whole answer for each.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { RawWorld } from '../attack/over.ts'
import { canary, token } from '../egress/world.ts'
import { openLine, still } from '../kit/raw.ts'
import { header, readResponses } from '../kit/wire.ts'

export interface Case {
  readonly name: string
  /** With `{host}` and `{auth}` where a header stands that is right. One character is one byte. */
  readonly raw: string
  /** Method and target of what reaches the downstream. */
  readonly sent: readonly string[]
}

const folder = new URL('corpus/smuggling/', import.meta.url)

export function readCorpus(): readonly (Case & { readonly family: string })[] {
  return readdirSync(folder).flatMap((file) => {
    const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Record<
      string,
      Omit<Case, 'name'>
    >
    return Object.entries(cases).map(([name, it]) => ({ name, family: file.replace('.json', ''), ...it }))
  })
}

export const filled = (raw: string): Buffer =>
  Buffer.from(
    raw
      .replaceAll('{host}', 'Host: 127.0.0.1\r\n')
      .replaceAll('{auth}', `Authorization: Bearer ${token}\r\n`),
    'latin1',
  )

export interface Outcome {
  /** Method and target of what the downstream read whole. */
  readonly sent: readonly string[]
  /** Of what came back, in order. */
  readonly statuses: readonly number[]
}

/**
 * Sends `bytes` over one connection, cut at `cuts`, and checks what has to hold for every input. `answers` is how many
 * are known to come: those are waited for.
 */
export async function tryBytes(
  it: RawWorld,
  bytes: Buffer,
  { cuts = [], answers: awaited = 0 }: { readonly cuts?: readonly number[]; readonly answers?: number } = {},
): Promise<Outcome> {
  const { world, downstream, motion, recorded } = it
  const before = downstream.connections.map(({ read }) => read.messages.length)
  world.records.length = 0
  const line = await openLine(world.port, motion)
  const edges = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  for (let index = 1; index < edges.length; index += 1) {
    if (!line.socket.writable) break
    line.send(bytes.subarray(edges[index - 1], edges[index]))
    await turn()
    await turn()
  }
  await line.answered(...Array.from({ length: awaited }, () => 'GET'))
  await still(motion)
  const { received, ended } = line
  line.socket.destroy()
  const intents = () => world.records.filter(({ kind }) => kind === 'intent')
  const ends = () => world.records.filter(({ kind }) => kind === 'outcome')
  do await still(motion)
  while (ends().length < intents().length)

  // The record comes first, so what is seen late, after its caller has gone, is in it already.
  recorded.push(...intents().map(({ method, path }) => `${method} ${path}`))
  const requests = downstream.connections.flatMap(({ read }, at) => read.messages.slice(before[at] ?? 0))
  expect(downstream.connections.flatMap(({ read }) => read.fault ?? [])).toEqual([])
  for (const request of requests) {
    const [method, target = ''] = request.start.split(' ')
    const at = recorded.indexOf(`${method} ${target.replace(/\?.*/s, '')}`)
    expect(at, `${request.start} is in the record`).not.toBe(-1)
    recorded.splice(at, 1)
    expect(header(request, 'authorization')).toEqual([`Bearer ${canary}`])
    expect(header(request, 'host')).toEqual([new URL(downstream.url).host])
    expect(request.headers.join('\n')).not.toContain(token)
  }
  const begun = downstream.connections.filter(({ read }) => read.rest.length > 0)
  // What was begun and never ended has its record too, and its socket carries nothing else.
  for (const { read } of begun) expect(read.rest.toString('latin1').split('\r\n\r\n')[0]).not.toContain(token)
  const done = ends().filter(({ result }) => result === 'done')
  expect(done.length).toBeLessThanOrEqual(requests.length)

  const heads = intents()[0]?.method === 'HEAD' && intents().length === 1 ? ['HEAD'] : []
  const answers = readResponses(received, [...heads, ...Array.from({ length: 50 }, () => 'GET')], ended)
  if (!intents().some(({ method }) => method === 'HEAD')) expect(answers.fault).toBeUndefined()
  return {
    sent: requests.map(({ start }) => start.replace(/ HTTP\/1\.1$/, '')),
    statuses: answers.messages.map(({ start }) => Number(start.slice(9, 12))),
  }
}

/** Requests that are right, to begin with. */
const whole = [
  'GET /downstream/orders/orders/1 HTTP/1.1\r\n{host}{auth}\r\n',
  'GET /downstream/orders/files/a/b?c=d HTTP/1.1\r\n{host}{auth}Accept: */*\r\n\r\n',
  'POST /downstream/orders/orders HTTP/1.1\r\n{host}{auth}Content-Length: 2\r\n\r\n{}',
  'POST /downstream/orders/orders HTTP/1.1\r\n{host}{auth}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'PUT /downstream/orders/uploads/1 HTTP/1.1\r\n{host}{auth}Content-Length: 5\r\nX-A: b\r\n\r\nabcde',
  'POST /downstream/orders/orders HTTP/1.1\r\n{host}{auth}Content-Length: 39\r\n\r\nGET /orders/smuggled HTTP/1.1\r\nX: y\r\n\r\n',
]

const lines = [
  'Content-Length: 0',
  'Content-Length: 2',
  'Content-Length: 60',
  'content-length:2',
  'Content_Length: 7',
  'Content-Length: +2',
  'Content-Length: 2,2',
  'Content-Length : 2',
  'Transfer-Encoding: chunked',
  'transfer-encoding:chunked',
  'Transfer_Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding : chunked',
  ' Transfer-Encoding: chunked',
  'Transfer-Encoding:\u000bchunked',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: authorization, content-length, transfer-encoding',
  'Connection: upgrade',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Trailer: Authorization',
  'TE: trailers',
  'Authorization: Bearer mine',
  'Authorization: Basic bWluZTptaW5l',
  'Host: evil.example',
  'X-HTTP-Method-Override: DELETE',
  '',
]

const bits = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  '\u000b',
  ':',
  ';',
  ',',
  '0',
  '5',
  'f',
  '-',
  '+',
  '0x',
  '\u0080',
  '\u00ff',
  '\r\n\r\n',
  '0\r\n\r\n',
  '5;a=b\r\n',
  'ffffffffffffffff\r\n',
  ' HTTP/1.1\r\n',
  'GET /orders/smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
  ...whole,
]

type Change = (raw: string) => string

const between = (raw: string, at: number): number => (raw.length === 0 ? 0 : at % raw.length)

/** One step away from what is right. */
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.constantFrom(...bits)).map(
    ([at, bit]): Change =>
      (raw) => {
        const place = between(raw, at)
        return raw.slice(0, place) + bit + raw.slice(place)
      },
  ),
  fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom('', ...bits)).map(
    ([at, length, bit]): Change =>
      (raw) => {
        const place = between(raw, at)
        return raw.slice(0, place) + bit + raw.slice(place + length)
      },
  ),
  fc.tuple(fc.nat(6), fc.constantFrom(...lines)).map(
    ([at, line]): Change =>
      (raw) => {
        const all = raw.split('\r\n')
        all.splice(1 + at, 0, line)
        return all.join('\r\n')
      },
  ),
  fc.tuple(fc.nat(9), fc.nat(9)).map(
    ([from, to]): Change =>
      (raw) => {
        const all = raw.split('\r\n')
        const [line = ''] = all.splice(from % all.length, 1)
        all.splice(to % (all.length + 1), 0, line)
        return all.join('\r\n')
      },
  ),
  fc.nat(9).map(
    (at): Change =>
      (raw) => {
        const all = raw.split('\r\n')
        all.splice(at % all.length, 0, all[at % all.length] ?? '')
        return all.join('\r\n')
      },
  ),
  fc.tuple(fc.nat(9), fc.constantFrom('\n', '\r', '\r\r\n', '\n\r', ' \r\n', '\r\n ')).map(
    ([at, end]): Change =>
      (raw) => {
        const all = raw.split('\r\n')
        const place = at % all.length
        return [all.slice(0, place).join('\r\n'), all.slice(place).join('\r\n')].join(end)
      },
  ),
  fc.constantFrom(...whole).map(
    (more): Change =>
      (raw) =>
        raw + more,
  ),
  fc.nat().map(
    (at): Change =>
      (raw) =>
        raw.slice(0, between(raw, at)),
  ),
)

export const rawRequests: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...whole), fc.array(change, { minLength: 1, maxLength: 5 }))
  .map(([raw, changes]) => changes.reduce((so, one) => one(so), raw))
