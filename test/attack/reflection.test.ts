/** A downstream that answers with what was injected, in whatever form, gets nothing of it to the caller. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  type InputType,
  zstdCompressSync,
} from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { encodings } from '../egress/leak/reflect.ts'
import { canary, token } from '../egress/world.ts'
import { still } from '../kit/raw.ts'
import { clients, type RawWorld, startRawWorld } from './over.ts'
import { credential, filesBelow, openScene, orders, type Scene } from './scene.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')

/** How a downstream may put a credential into a text. */
const reflections: Record<string, (secret: string) => string> = {
  ...encodings,
  'in a header line': (secret) => `Authorization: Bearer ${secret}`,
  'in JSON': (secret) => JSON.stringify({ headers: { authorization: `Bearer ${secret}`, host: 'x' } }),
  'in JSON, indented': (secret) => JSON.stringify({ headers: [`Bearer ${secret}`] }, null, 2),
  'in a page': (secret) => `<html><pre>GET / HTTP/1.1\nauthorization: Bearer ${secret}</pre></html>`,
  'in an event': (secret) => `event: echo\ndata: {"authorization":"Bearer ${secret}"}\n\n`,
  'in base64 of a header line': (secret) =>
    Buffer.from(`authorization: Bearer ${secret}\r\n`).toString('base64'),
  'in hex of JSON': (secret) => Buffer.from(JSON.stringify({ authorization: secret })).toString('hex'),
}

const codings: Record<string, readonly [string, (body: InputType) => Buffer]> = {
  gzip: ['gzip', gzipSync],
  'gzip, by its older name': ['x-gzip', gzipSync],
  'gzip, in capitals': ['GZIP', gzipSync],
  'deflate with a zlib header': ['deflate', deflateSync],
  'deflate without one': ['deflate', deflateRawSync],
  br: ['br', brotliCompressSync],
  zstd: ['zstd', zstdCompressSync],
  'identity and gzip': ['identity, gzip', gzipSync],
}

interface Reflected {
  readonly status?: number
  readonly head?: readonly string[]
  /** Chunks of the body; one that is no list is sent with its length. */
  readonly body?: Buffer | readonly Buffer[]
}

function answer({ status = 200, head = ['Content-Type: text/plain'], body = latin1('') }: Reflected): string {
  const lines = [`HTTP/1.1 ${status} Whatever`, ...head]
  if (Buffer.isBuffer(body)) {
    return [...lines, `Content-Length: ${body.length}`, '', body.toString('latin1')].join('\r\n')
  }
  const chunks = body.filter(({ length }) => length > 0)
  const chunked = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk.toString('latin1')}\r\n`)
  return `${[...lines, 'Transfer-Encoding: chunked', ''].join('\r\n')}\r\n${chunked.join('')}0\r\n\r\n`
}

/** What the caller's socket gets, to the last byte. */
async function get({ world }: RawWorld, more = '', method = 'GET'): Promise<string> {
  const lines = [`${method} /downstream/orders/files/a HTTP/1.1`, `Host: 127.0.0.1:${world.port}`]
  return world.raw(
    `${[...lines, `Authorization: Bearer ${token}`, 'Connection: close'].join('\r\n')}\r\n${more}\r\n`,
  )
}

/** No form of the secret, nor the greater part of one, stands in what was got. */
function expectNothingOf(secret: string, got: string): void {
  const lower = got.toLowerCase()
  for (const [name, encode] of Object.entries(encodings)) {
    const plain = encode(secret)
    // What every text of that encoding begins with is no part of the secret.
    let shared = 0
    const other = encode(`${secret.startsWith('#') ? '$' : '#'}${secret.slice(1)}`)
    while (plain[shared] === other[shared]) shared += 1
    const part = plain.slice(shared, shared + Math.ceil((plain.length - shared) / 2))
    expect([name, lower.includes(part.toLowerCase())]).toEqual([name, false])
  }
}

async function expectWithheld(raw: RawWorld, reflected: Reflected | string): Promise<string> {
  raw.downstream.answer = () =>
    typeof reflected === 'string' ? { text: reflected, end: true } : answer(reflected)
  const before = raw.world.records.length
  const got = await get(raw)
  expectNothingOf(canary, got)
  const outcome = raw.world.records.slice(before).find(({ kind }) => kind === 'outcome')
  expect(outcome).toMatchObject({ result: 'failed' })
  // Refused, or broken off: never an answer that looks complete.
  if (!got.startsWith('HTTP/1.1 502 ')) expect(isComplete(got)).toBe(false)
  return String(outcome?.reason)
}

function isComplete(got: string): boolean {
  const end = got.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)/i.exec(got.slice(0, end))?.[1]
  return length === undefined ? got.endsWith('\r\n0\r\n\r\n') : got.length === end + 4 + Number(length)
}

async function start(client: (typeof clients)[number]): Promise<RawWorld> {
  const raw = await startRawWorld(client)
  onTestFinished(() => raw.world.close())
  return raw
}

describe.each(clients)('A44 reflection: by %s', (client) => {
  it('notices what it looks for: unguarded, the credential comes through', async () => {
    const raw = await startRawWorld(client, { guard: 'off' })
    onTestFinished(() => raw.world.close())
    raw.downstream.answer = () => answer({ body: latin1(`it is ${canary}`) })
    const got = await get(raw)
    expect(got).toContain(canary)
    expect(() => expectNothingOf(canary, got)).toThrow()
  })

  it.each(Object.entries(reflections))('withholds a body with it %s', async (_name, reflect) => {
    const raw = await start(client)
    const body = latin1(`before it ${reflect(canary)} after it`)
    for (const reflected of [
      { body },
      { body: [body] },
      { body, status: 500, head: ['Content-Type: text/html'] },
      { body: [body], head: ['Content-Type: text/event-stream'] },
    ]) {
      expect(await expectWithheld(raw, reflected)).toBe('credential_reflected')
    }
  })

  it('withholds it in chunks cut at every place', { timeout: 60_000 }, async () => {
    const raw = await start(client)
    for (const encode of [
      (it: string) => it,
      encodings['base64url']!,
      encodings['every character percent']!,
    ]) {
      const text = latin1(`{"it":"${encode(canary)}"}`)
      for (let at = 1; at < text.length; at += 1) {
        const chunks = [text.subarray(0, at), text.subarray(at)]
        expect(await expectWithheld(raw, { body: chunks })).toBe('credential_reflected')
      }
      const single = Array.from(text, (byte) => Buffer.of(byte))
      expect(await expectWithheld(raw, { body: single })).toBe('credential_reflected')
    }
  })

  it('withholds it when every byte comes in a packet of its own', async () => {
    const raw = await start(client)
    raw.downstream.drips = true
    const body = latin1(`it is ${canary}, you know`)
    expect(await expectWithheld(raw, { body })).toBe('credential_reflected')
    expect(await expectWithheld(raw, { body: [body] })).toBe('credential_reflected')
  })

  it('withholds it in a body that ends with the connection', async () => {
    const raw = await start(client)
    const text = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nit is ${canary}`
    expect(await expectWithheld(raw, text)).toBe('credential_reflected')
  })

  it.each(Object.entries(codings))(
    'withholds it in %s, and passes what is clean without the coding',
    async (_name, [coding, compress]) => {
      const raw = await start(client)
      const head = [
        'Content-Type: application/json',
        `Content-Encoding: ${coding}`,
        'Content-Digest: sha-256=:AAAA:',
      ]
      const filler = JSON.stringify({ list: Array.from({ length: 1500 }, (_, index) => `item ${index}`) })
      for (const reflect of [
        'raw',
        'base64, second alignment',
        'every character JSON \\u',
        'in JSON',
      ] as const) {
        const text = `${filler}${reflections[reflect]!(canary)}${filler}`
        for (const body of [compress(text), [...pieces(compress(text), 11)]]) {
          expect(await expectWithheld(raw, { head, body })).toBe('credential_reflected')
        }
      }
      raw.downstream.answer = () => answer({ head, body: compress(filler) })
      const clean = await raw.world.ask('/downstream/orders/files/a')
      expect(clean.body).toBe(filler)
      expect(Object.keys(clean.headers)).not.toEqual(expect.arrayContaining(['content-encoding']))
      expect(Object.keys(clean.headers)).not.toEqual(expect.arrayContaining(['content-digest']))
      expect(clean.headers['content-length']).toBeUndefined()
    },
  )

  it('refuses codings that it cannot take off, several on each other, and what is not of its coding', async () => {
    const raw = await start(client)
    const text = latin1(canary)
    const zipped = gzipSync(text)
    const coded = (coding: string, body: Buffer): Reflected => ({
      head: [`Content-Encoding: ${coding}`],
      body,
    })
    for (const reflected of [
      coded('compress', text),
      coded('rot13', text),
      coded('aes128gcm', text),
      coded('gzip, br', brotliCompressSync(zipped)),
      coded('gzip, gzip', gzipSync(zipped)),
      coded('gzip\r\nContent-Encoding: br', brotliCompressSync(zipped)),
      coded('gzip', text),
      coded('br', zipped),
      coded('gzip', gzipSync('nothing of it, but not to its end'.repeat(50)).subarray(0, -9)),
    ]) {
      expect(await expectWithheld(raw, reflected)).toBe('answer_coding_refused')
    }
  })

  it('refuses a transfer coding besides chunked', async () => {
    const raw = await start(client)
    const body = gzipSync(canary).toString('latin1')
    for (const coding of ['gzip, chunked', 'gzip']) {
      const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n`
      const whole = `${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      expect(['answer_coding_refused', 'downstream_failed']).toContain(await expectWithheld(raw, whole))
    }
  })

  it('breaks off an answer that grows without end when it is decoded', async () => {
    const raw = await start(client)
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024))
    raw.downstream.answer = () => answer({ head: ['Content-Encoding: gzip'], body: bomb })
    const { length } = await openStream(raw).closed
    expect(length).toBeGreaterThan(1024 * 1024)
    expect(length).toBeLessThan(10 * 1024 * 1024)
    expect(raw.world.records.at(-1)).toMatchObject({ result: 'failed', reason: 'answer_coding_refused' })
  })

  it('withholds a head with it in any value or name', async () => {
    const raw = await start(client)
    const plain = Object.values(reflections)
      .map((reflect) => reflect(canary))
      .filter((it) => !/[\r\n\0]/.test(it))
    expect(plain.length).toBeGreaterThan(20)
    const heads = [
      ...plain.map((value) => `X-Echo: ${value}`),
      `${canary}: 1`,
      `Location: /somewhere?key=${encodeURIComponent(canary)}`,
      `Link: <https://elsewhere.example/${canary}>; rel="next"`,
      `Content-Type: text/plain; note="${canary}"`,
      `ETag: "${canary}"`,
      `X-Request-Id: ${canary}`,
    ]
    for (const head of heads) {
      for (const status of [200, 302, 500]) {
        expect(await expectWithheld(raw, { status, head: [head], body: latin1('{}') })).toBe(
          'credential_reflected',
        )
      }
    }
  })

  it('keeps to itself: the reason phrase, interim answers, trailers, cookies, challenges, and all of a 401', async () => {
    const raw = await start(client)
    const early = `HTTP/1.1 103 Early\r\nLink: <${canary}>\r\n\r\n`
    const trailer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Echo: ${canary}\r\n\r\n`
    for (const text of [
      `HTTP/1.1 200 ${canary}\r\nContent-Length: 2\r\n\r\n{}`,
      `${early}${answer({ body: latin1('{}') })}`,
      trailer,
      answer({ status: 401, head: [`WWW-Authenticate: ${canary}`], body: latin1(canary) }),
    ]) {
      raw.downstream.answer = () => ({ text, end: true })
      expectNothingOf(canary, await get(raw))
    }
    raw.downstream.answer = () => answer({ head: [`Set-Cookie: k=${canary}`], body: latin1('{}') })
    expectNothingOf(canary, await get(raw))
  })

  it('shows nothing of an answer that is no HTTP', async () => {
    const raw = await start(client)
    for (const text of [
      canary,
      `HTTP/1.1 ${canary}\r\n\r\n`,
      `HTTP/1.1 200 OK\r\nX Echo: ${canary}\r\n\r\n`,
      `HTTP/1.1 200 OK\r\nContent-Length: ${canary}\r\n\r\n`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${canary}\r\n`,
      `HTTP/1.1 101 Switching\r\nUpgrade: ${canary}\r\nConnection: upgrade\r\n\r\n`,
    ]) {
      await expectWithheld(raw, text)
    }
  })

  it('asks for no piece of an answer, and takes none', async () => {
    const raw = await start(client)
    raw.downstream.answer = () => answer({ body: latin1(canary) })
    for (const name of ['Range', 'range', 'Request-Range', 'X-MS-Range']) {
      const got = await get(raw, `${name}: bytes=0-7\r\n`)
      expect(got).toMatch(/^HTTP\/1\.1 403 /)
      expect(got).toContain('range_refused')
    }
    expect(raw.downstream.requests).toEqual([])
    const piece = latin1(canary.slice(0, 8))
    for (const reflected of [
      { status: 206, head: ['Content-Range: bytes 0-7/37'], body: piece },
      { status: 206, head: ['Content-Type: multipart/byteranges; boundary=a'], body: piece },
      { status: 200, head: ['Content-Range: bytes 0-7/37'], body: piece },
      { status: 226, head: ['IM: vcdiff'], body: piece },
    ]) {
      expect(await expectWithheld(raw, reflected)).toBe('answer_partial_refused')
    }
  })

  it('asks for the answer as it is, whatever the caller would take', async () => {
    const raw = await start(client)
    raw.downstream.answer = () => answer({ body: latin1('{}') })
    await get(
      raw,
      'Accept-Encoding: br, gzip\r\nAccept_Encoding: br\r\nAccept-Charset: utf-16\r\nA-IM: vcdiff\r\n',
    )
    const { headers } = raw.downstream.requests[0]!
    const asked = headers.flatMap((name, index) =>
      index % 2 === 0 && /^(?:accept.(?:encoding|charset)|a.im)$/i.test(name)
        ? [[name, headers[index + 1]]]
        : [],
    )
    expect(asked).toEqual([['accept-encoding', 'identity']])
  })

  it('does not serve TRACE, which would answer with the request', async () => {
    const raw = await start(client)
    expect(await get(raw, '', 'TRACE')).toMatch(/^HTTP\/1\.1 405 /)
    expect(await get(raw, '', 'TRACK')).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(raw.downstream.requests).toEqual([])
  })

  it('lets events through as they come, and ends the stream at the one with the credential', async () => {
    const raw = await start(client)
    const written: ((text: string) => void)[] = []
    raw.downstream.answer = (_request, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
      written.push((text) => socket.write(`${text.length.toString(16)}\r\n${text}\r\n`))
      return undefined
    }
    const reader = openStream(raw)
    expect(await reader.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
    for (const event of [
      'data: one\n\n',
      ': a comment\n\n',
      'data: {"two":2}\n\n',
      `data: ${canary.slice(0, 9)}\n\n`,
    ]) {
      written[0]!(event)
      await reader.until(event)
    }
    written[0]!(`data: ${canary.slice(0, 20)}`)
    await still(raw.motion)
    written[0]!(`${canary.slice(20)}\n\ndata: after\n\n`)
    const all = await reader.closed
    expectNothingOf(canary, all)
    expect(all).not.toContain('after')
    expect(isComplete(all)).toBe(false)
    expect(raw.world.records.at(-1)).toMatchObject({ result: 'failed', reason: 'credential_reflected' })
  })

  it('leaves answers without a body as they are', async () => {
    const raw = await start(client)
    const head = ['Content-Encoding: gzip', 'ETag: "1"']
    raw.downstream.answer = () => `HTTP/1.1 200 OK\r\n${head.join('\r\n')}\r\nContent-Length: 120\r\n\r\n`
    expect(await get(raw, '', 'HEAD')).toMatch(/^HTTP\/1\.1 200 [^]*etag: "1"/i)
    for (const status of [204, 304]) {
      raw.downstream.answer = () => `HTTP/1.1 ${status} X\r\n${head.join('\r\n')}\r\n\r\n`
      expect(await get(raw)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*etag: "1"`, 'i'))
    }
    raw.downstream.answer = () => answer({ body: latin1('') })
    expect(await get(raw)).toMatch(/^HTTP\/1\.1 200 /)
    expect(
      raw.world.records.filter(({ kind }) => kind === 'outcome').every(({ result }) => result === 'done'),
    ).toBe(true)
  })

  it('withholds user and password of Basic authentication, in clear and each as it was sent', async () => {
    const password = 'a long password of crm'
    const sent = Buffer.from(`crm-user:${password}`).toString('base64')
    const raw = await startRawWorld(client, {
      placement: { kind: 'header', name: 'Authorization', prefix: 'Basic ' },
    })
    onTestFinished(() => raw.world.close())
    raw.world.exchange.secrets = [sent]
    for (const text of [sent, `crm-user:${password}`, password, Buffer.from(password).toString('hex')]) {
      raw.downstream.answer = () => answer({ body: latin1(JSON.stringify({ text })) })
      const got = await get(raw)
      expect(got).toMatch(/^HTTP\/1\.1 502 /)
      for (const secret of [sent, password]) expectNothingOf(secret, got)
    }
  })

  it('does not send a credential that is too short to be found', async () => {
    const raw = await start(client)
    raw.world.exchange.secrets = ['seven77']
    expect(await get(raw)).toContain('credential_too_short')
    expect(raw.downstream.requests).toEqual([])
  })
})

interface Stream {
  until(text: string): Promise<string>
  readonly closed: Promise<string>
}

function openStream({ world }: RawWorld): Stream {
  const chunks: Buffer[] = []
  const all = () => Buffer.concat(chunks).toString('latin1')
  let told = () => {}
  const socket = connect(world.port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(
    `GET /downstream/orders/files/a HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
  )
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    told()
  })
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(all())))
  socket.on('error', () => undefined)
  return {
    closed,
    until: async (text) => {
      while (!all().includes(text)) await new Promise<void>((resolve) => void (told = resolve))
      return all()
    },
  }
}

function* pieces(bytes: Buffer, count: number): Generator<Buffer> {
  const length = Math.ceil(bytes.length / count)
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

describe('A44 reflection: what a whole instance tells of it', () => {
  const open = async (guard = '') => {
    const scene = await openScene({
      servers: `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    audiences: ["https://crm.example"]
    accept: subject-token
    allow: [anyone]
    direct: ["orders", "echo"]`,
      downstreams: ({ downstream }) => `  echo:
    url: "${downstream}"
    resource: https://echo.example
    ${guard}
    static: { header: X-Api-Key, value: file:secret, per: all, owner: tests }
    operations: [{ op: "GET /orders/{id}", class: read }]`,
    })
    const bearer = await scene.idp.token()
    return { scene, bearer }
  }
  const echo = '/downstream/echo/orders/1'

  it('guards a static credential without being asked, and tells record, metrics and log without a byte of it', async () => {
    const { scene, bearer } = await open()
    scene.downstream.answer = (request, response) => {
      response.setHeader('x-request-id', 'id-of-theirs')
      response.end(JSON.stringify(request.headers))
    }
    const answer = await scene.ask(bearer, echo)
    expect([answer.status, answer.code]).toEqual([502, 'credential_reflected'])
    scene.downstream.answer = (request, response) => {
      response.setHeader('x-request-id', String(request.headers['x-api-key']))
      response.end('{}')
    }
    expect((await scene.ask(bearer, echo)).code).toBe('credential_reflected')
    const metrics = await (await fetch(`${scene.running.telemetry}/metrics`)).text()
    expect(metrics).toContain('sallyport_leak_hits_total{downstream="echo",place="body"} 1')
    expect(metrics).toContain('sallyport_leak_hits_total{downstream="echo",place="head"} 1')
    const outcomes = scene.record().filter(({ kind }) => kind === 'outcome')
    expect(outcomes.map(({ result, reason }) => [result, reason])).toEqual([
      ['failed', 'credential_reflected'],
      ['failed', 'credential_reflected'],
    ])
    expect(scene.log.filter((line) => line.includes('"credential_reflected"')).length).toBeGreaterThanOrEqual(
      2,
    )
    expectNothingKept(scene, [answer.text, metrics])
  })

  it('keeps it out of the record where answers are not searched', async () => {
    const { scene, bearer } = await open('guard: off')
    scene.downstream.answer = (request, response) => {
      response.setHeader('x-request-id', String(request.headers['x-api-key']))
      response.end('{}')
    }
    expect((await scene.ask(bearer, echo)).status).toBe(200)
    expect((await scene.ask(bearer, orders)).code).toBe('credential_reflected')
    scene.downstream.answer = (_request, response) => {
      response.setHeader('x-request-id', 'id-of-theirs')
      response.end('{}')
    }
    expect((await scene.ask(bearer, echo)).status).toBe(200)
    const ids = scene
      .record()
      .flatMap(({ kind, downstreamRequestId: id }) => (kind === 'outcome' ? [id] : []))
    expect(ids).toEqual([undefined, undefined, 'id-of-theirs'])
    expectNothingKept(scene, [])
  })
})

function expectNothingKept(scene: Scene, texts: readonly string[]): void {
  const files = filesBelow(scene.running.instance.config.data).map((name) => readFileSync(name, 'latin1'))
  for (const text of [...texts, scene.log.join('\n'), ...files]) expectNothingOf(credential, text)
}
