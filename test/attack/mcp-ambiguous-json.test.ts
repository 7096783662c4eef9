import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, it } from 'vitest'
import { json, legacy } from '../mcp/messages.ts'
import { startWorld, type World } from '../mcp/world.ts'

/**
 * A61 a body that two readers read in two ways, or that costs more to read than to send: the gateway would decide on one message,
 * and the server do another. Refused, with bounded memory and time, and no byte reaches the server.
 */
let world: World
beforeEach(async () => {
  world = await startWorld()
})

const collect = () => {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}
const head = '"jsonrpc":"2.0","id":1'
const good = `{${head},"method":"tools/call","params":{"name":"read_order","arguments":{"id":"1"}}}`
const says = async (body: string | Buffer, headers: readonly string[] = json) => {
  const { outcome, headers: told } = await world.ask({ headers, body })
  expect(told['content-type']).toBe('application/json')
  return outcome
}

const ambiguous = '400 -32600 json_ambiguous'
const malformed = '400 -32600 message_malformed'
const noJson = '400 -32700 json_malformed'

describe('A61 a body with more than one meaning', () => {
  it.each<[string, string, string]>([
    [
      'a name twice',
      `{${head},"method":"tools/list","method":"tools/call","params":{"name":"wipe"}}`,
      ambiguous,
    ],
    [
      'a name twice, once with escapes',
      good.replace('"name":', '"name":"read_order","n\\u0061me":'),
      ambiguous,
    ],
    ['a name twice in the parameters', good.replace('"id":"1"}', '"id":"1","id":"2"}'), ambiguous],
    ['parameters twice', good.replace('"params"', '"params":{"name":"wipe"},"params"'), ambiguous],
    ['__proto__', good.replace('"id":"1"}', '"__proto__":{"id":"2"}}'), ambiguous],
    ['a number that no double holds', good.replace('"id":1', '"id":1e400'), ambiguous],
    ['a number that becomes zero', good.replace('"id":"1"}', '"amount":1e-400}'), ambiguous],
    ['an integer that is rounded', good.replace('"id":"1"}', '"id":9007199254740993}'), ambiguous],
    ['a batch', `[${good}]`, malformed],
    ['an empty batch', '[]', malformed],
    ['no object', '"tools/list"', malformed],
    ['a name that is an object', good.replace('"read_order"', '{"name":"wipe"}'), malformed],
    ['a name that is a list', good.replace('"read_order"', '["read_order"]'), malformed],
    ['parameters that are a list', good.replace('"arguments":{"id":"1"}', '"arguments":[1]'), malformed],
    ['params that are a list', `{${head},"method":"tools/call","params":["wipe"]}`, malformed],
    ['an id that is none', good.replace('"id":1', '"id":{"a":1}'), malformed],
    ['an id of null', good.replace('"id":1', '"id":null'), malformed],
    ['a request that is an answer too', good.replace('{', '{"result":{},'), malformed],
    ['another JSON-RPC', good.replace('2.0', '1.0'), malformed],
    // Go's encoding/json, for one, takes these for the members that we judge.
    [
      'a method in another case',
      good.replace('tools/call', 'ping').replace('{', '{"Method":"tools/call",'),
      malformed,
    ],
    ['a method only in another case', good.replace('"method"', '"METHOD"'), malformed],
    ['params in another case', good.replace('{', '{"Params":{"name":"wipe"},'), malformed],
    ['a name in another case', good.replace('"name"', '"Name":"wipe","name"'), ambiguous],
    [
      'arguments with a long s',
      good.replace('"arguments"', '"argument\u017f":{"id":"2"},"arguments"'),
      ambiguous,
    ],
    ['something behind', `${good}{}`, noJson],
    ['a comma behind', good.replace(/}$/, ',}'), noJson],
    ['comments', `/* */${good}`, noJson],
    ['NaN', good.replace('"1"', 'NaN'), noJson],
    ['a byte order mark', `\ufeff${good}`, noJson],
    ['nothing', ' ', noJson],
  ])('is refused: %s', async (_what, body, outcome) => {
    expect(await says(body)).toBe(outcome)
    expect(world.upstream.methods).toEqual([])
  })

  it('is refused where its bytes are no UTF-8, or said to be something else', async () => {
    const bad = [Buffer.from([0xff]), Buffer.from([0xc0, 0xae]), Buffer.from([0xed, 0xa0, 0x80])]
    for (const bytes of bad) {
      const at = good.indexOf('read_order')
      const body = Buffer.concat([Buffer.from(good.slice(0, at)), bytes, Buffer.from(good.slice(at))])
      expect(await says(body)).toBe(noJson)
    }
    for (const coding of ['utf16le'] as const) expect(await says(Buffer.from(good, coding))).toBe(noJson)
    const types = [
      'text/plain',
      'application/jsonp',
      'application/json-seq',
      'application/json, text/plain',
      // In UTF-7 `+AHQ-ools/call` is `tools/call`.
      'application/json; charset=utf-7',
      'application/json;charset=utf-16le',
      'application/json; charset=utf-8; charset=utf-7',
      'multipart/form-data; boundary=application/json',
    ]
    for (const type of types)
      expect([
        type,
        await says(good.replace('tools/call', '+AHQ-ools/call'), ['Content-Type', type]),
      ]).toEqual([type, '415 415 media_type_refused'])
    expect(await says(good, [])).toBe('415 415 media_type_refused')
    for (const coding of ['gzip', 'identity', 'br'])
      expect(await says(good, [...json, 'Content-Encoding', coding])).toBe('415 415 media_type_refused')
    expect(await says(good, [...json, 'content-type', 'application/json'])).toBe('400 400 request_malformed')
    expect(world.upstream.methods).toEqual([])
    expect(await says(good, ['Content-Type', 'application/json; charset="UTF-8"'])).toBe('200')
  })
})

describe('A61 a body that costs more than it should', () => {
  const millions = 4_000_000

  it('is refused where it is longer than a message may be, before it is there', async () => {
    expect(await says(`{"a":"${'x'.repeat(10_000_000)}"}`)).toBe('413 413 body_too_large')
    const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`
    const answer = await world.raw(
      `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(5)}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(world.upstream.methods).toEqual([])
  })

  it('takes no seconds of everybody else: depth, and millions of small values', async () => {
    const token = world.token('alice')
    await world.ask(legacy('ping'), { token })
    const before = process.cpuUsage()
    const deep = `${'['.repeat(millions / 2)}${']'.repeat(millions / 2)}`
    const objects = `${'{"a":'.repeat(millions / 6)}1${'}'.repeat(millions / 6)}`
    for (const body of [deep, objects, '['.repeat(millions)]) expect(await says(body)).toBe(ambiguous)
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1e6).toBeLessThan(1.5)
    const names = Array.from({ length: 200_000 }, (_, index) => `"${index}":0`).join()
    for (const body of [`[${'0,'.repeat(millions / 2 - 10)}0]`, `{${names},"7":1}`])
      expect([ambiguous, malformed]).toContain(await says(body))
    expect(world.upstream.methods).toEqual(['ping'])
  })

  it('takes no more memory than its bytes, in however many pieces they come', async () => {
    const line = await world.line()
    line.send(
      `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    collect()
    const before = process.memoryUsage()
    const pieces = 500_000
    line.send(Buffer.from('1\r\nx\r\n'.repeat(pieces)))
    await expect.poll(() => line.socket.bytesWritten - line.socket.writableLength).toBeGreaterThan(6 * pieces)
    await expect.poll(() => line.socket.writableLength, { timeout: 30_000 }).toBe(0)
    await new Promise((done) => setTimeout(done, 500))
    collect()
    const after = process.memoryUsage()
    expect(after.heapUsed - before.heapUsed).toBeLessThan(2e7)
    line.send('0\r\n\r\n')
    const { messages } = await line.answered('POST')
    expect(messages[0]?.start).toMatch(/ 400 /)
    expect(world.upstream.methods).toEqual([])
  })
})
