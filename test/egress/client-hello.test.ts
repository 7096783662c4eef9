import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { beginsTls, readClientHello } from '../../src/egress/client-hello.ts'
import { realHello } from './tunnelled.ts'

let real: Buffer
let nameless: Buffer
beforeAll(async () => {
  real = await realHello('orders.example')
  nameless = await realHello('')
})

const number = (value: number, size: number) => {
  const bytes = Buffer.alloc(size)
  bytes.writeUIntBE(value, 0, size)
  return bytes
}
const vector = (size: number, ...parts: readonly Buffer[]) => {
  const content = Buffer.concat(parts)
  return Buffer.concat([number(content.length, size), content])
}
const extension = (type: number, data: Buffer) => Buffer.concat([number(type, 2), vector(2, data)])
const names = (...list: readonly string[]) =>
  extension(0, vector(2, ...list.map((it) => Buffer.concat([Buffer.of(0), vector(2, Buffer.from(it))]))))

/** The handshake message with these extensions, or with none at all. */
function message(extensions?: readonly Buffer[], more = Buffer.alloc(0)): Buffer {
  const fixed = Buffer.concat([Buffer.of(3, 3), Buffer.alloc(32, 7)])
  const lists = [vector(1, Buffer.alloc(32)), vector(2, Buffer.of(0x13, 1)), vector(1, Buffer.of(0))]
  const tail = extensions === undefined ? [] : [vector(2, ...extensions)]
  return Buffer.concat([Buffer.of(1), vector(3, fixed, ...lists, ...tail, more)])
}
const record = (content: Buffer, head: readonly number[] = [22, 3, 1]) =>
  Buffer.concat([Buffer.from(head), vector(2, content)])

describe('the first bytes of a tunnel', () => {
  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['one letter of it', Buffer.from('G')],
    ['SSH', Buffer.from('SSH-2.0-x\r\n')],
    ['SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1])],
    ['a PROXY protocol header', Buffer.from('\r\n\r\n\0\r\nQUIT\n')],
    ['another record type', record(message([]), [23, 3, 1])],
    ['an alert', record(Buffer.of(1, 0), [21, 3, 3])],
    ['a version that is none', record(message([]), [22, 2, 0])],
    ['SSL 3', record(message([]), [22, 3, 0])],
    ['another handshake message', record(Buffer.concat([Buffer.of(2), message([]).subarray(1)]))],
    ['an empty record', record(Buffer.alloc(0))],
    ['a record that is too long', Buffer.from([22, 3, 1, 0x7f, 0xff])],
    ['a message that is too long', record(Buffer.from([1, 0xff, 0xff, 0xff]))],
    ['something behind the message in its record', record(Buffer.concat([message([]), Buffer.of(1)]))],
    ['something behind the extensions', record(message([], Buffer.of(0)))],
    ['an extension that reaches too far', record(message([Buffer.from([0, 5, 0, 9, 1])]))],
    ['an extension twice', record(message([names('a.example'), names('a.example')]))],
    ['two names', record(message([names('a.example', 'b.example')]))],
    ['no name in the list of names', record(message([names()]))],
    ['an empty name', record(message([names('')]))],
    ['a name with a NUL', record(message([names('a.example\0.evil')]))],
    ['a name that ends with a dot', record(message([names('a.example.')]))],
    ['a name that is an address', record(message([names('[::1]')]))],
    ['a name of another kind', record(message([extension(0, vector(2, Buffer.from([1, 0, 1, 97])))]))],
    ['a name that is encrypted', record(message([names('a.example'), extension(0xfe0d, Buffer.of(0))]))],
    ['a name hidden by the older draft', record(message([extension(0xffce, Buffer.of(0))]))],
    ['no session id', record(Buffer.concat([Buffer.of(1), vector(3, Buffer.alloc(10, 3))]))],
    ['more records than anybody needs', Buffer.concat([...message([])].map((it) => record(Buffer.of(it))))],
    [
      'another record between two parts of it',
      Buffer.concat([record(message([]).subarray(0, 9)), record(Buffer.of(1), [20, 3, 3])]),
    ],
  ])('are refused where they are %s', (_what, bytes) => {
    expect(readClientHello(bytes)).toBe('refused')
  })

  it('are a ClientHello of a real client, with its name and without', () => {
    expect(readClientHello(real)).toEqual({ host: 'orders.example' })
    expect(readClientHello(nameless)).toEqual({ host: undefined })
  })

  it('may be without extensions, in several records, with more behind them, and name in any case', () => {
    expect(readClientHello(record(message()))).toEqual({ host: undefined })
    const whole = message([names('A.Example')])
    const parts = [record(whole.subarray(0, 2)), record(whole.subarray(2, 60)), record(whole.subarray(60))]
    expect(readClientHello(Buffer.concat(parts))).toEqual({ host: 'a.example' })
    expect(readClientHello(Buffer.concat([...parts, Buffer.of(20, 3, 3, 0, 1, 1)]))).toEqual({
      host: 'a.example',
    })
  })

  it('are waited for at every cut', () => {
    for (let end = 0; end < real.length; end += 1) expect(readClientHello(real.subarray(0, end))).toBe('more')
  })

  it('never name another host, whatever is changed in them, and never throw', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(real.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        (changes) => {
          const bytes = Buffer.from(real)
          for (const [at, value] of changes) bytes[at] = value
          const hello = readClientHello(bytes)
          if (typeof hello === 'string' || hello.host === undefined) return
          expect(bytes.toString('latin1').toLowerCase()).toContain(hello.host)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('are read in any bytes without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        readClientHello(Buffer.from(bytes))
        readClientHello(Buffer.concat([Buffer.from([22, 3, 1]), vector(2, Buffer.from(bytes))]))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the first bytes of a server', () => {
  it.each([
    ['a handshake', [22, 3, 3], true],
    ['an alert', [21, 3, 1], true],
    ['the first byte alone', [22], true],
    ['a mail server', [...Buffer.from('220 mail')], false],
    ['HTTP', [...Buffer.from('HTTP/1.1')], false],
    ['application data', [23, 3, 3], false],
    ['a handshake of no TLS', [22, 2, 0], false],
  ] as const)('%s: %j', (_what, bytes, wanted) => {
    expect(beginsTls(Buffer.from(bytes))).toBe(wanted)
  })
})
