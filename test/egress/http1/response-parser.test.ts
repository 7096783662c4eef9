import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readByNode, readOurs } from './read.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')
const read = (text: string, method = 'GET', closed = true) => readOurs([bytes(text)], method, closed)

describe('the response parser refuses', () => {
  const refused: readonly [rule: string, text: string][] = [
    ['a version above 1.1 (RFC 9112 §2.3)', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['HTTP/0.9: a body without a head', '<html>hello</html>\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n'],
    ['two blanks before the status', 'HTTP/1.1  200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a control in the reason', 'HTTP/1.1 200 O\x00K\r\ncontent-length: 0\r\n\r\n'],
    ['an empty line before the status line', '\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a folded line (RFC 9112 §5.2)', 'HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n'],
    ['a blank before the colon (RFC 9112 §5.1)', 'HTTP/1.1 200 OK\r\na : b\r\ncontent-length: 0\r\n\r\n'],
    ['a line without a colon', 'HTTP/1.1 200 OK\r\nnothing\r\ncontent-length: 0\r\n\r\n'],
    ['an empty name', 'HTTP/1.1 200 OK\r\n: b\r\ncontent-length: 0\r\n\r\n'],
    ['a bare CR in a value', 'HTTP/1.1 200 OK\r\na: b\rc: d\r\ncontent-length: 0\r\n\r\n'],
    ['a bare LF between lines', 'HTTP/1.1 200 OK\r\na: b\nc: d\r\ncontent-length: 0\r\n\r\n'],
    ['a NUL in a value', 'HTTP/1.1 200 OK\r\na: b\x00\r\ncontent-length: 0\r\n\r\n'],
    ['a DEL in a value', 'HTTP/1.1 200 OK\r\na: b\x7f\r\ncontent-length: 0\r\n\r\n'],
    ['two lengths, even equal ones', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx'],
    ['a list of lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\nx'],
    ['a signed length', 'HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx'],
    ['a length in hex', 'HTTP/1.1 200 OK\r\ncontent-length: 0x1\r\n\r\nx'],
    ['a length that no double holds', `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(20)}\r\n\r\nx`],
    [
      'a length beside chunked',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'chunked twice',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['another coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['chunked of HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['101 (nothing was to be upgraded)', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n'],
    [
      'interim responses without end',
      `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(33)}HTTP/1.1 200 OK\r\n\r\n`,
    ],
    ['a head without end', `HTTP/1.1 200 OK\r\na: ${'x'.repeat(40_000)}`],
    ['a body shorter than its length', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nxxxx'],
    [
      'a chunk longer than its size',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n',
    ],
    ['a chunk size with a sign', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n'],
    [
      'a chunk size that overflows',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100000000\r\nx\r\n0\r\n\r\n',
    ],
    [
      'a bare LF after a chunk size',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n',
    ],
    [
      'chunks that end without the last one',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n',
    ],
    ['a trailer that is none', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n'],
    [
      'extensions without end',
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;${'a'.repeat(40_000)}\r\nx\r\n`,
    ],
  ]
  it.each(refused)('%s', (_rule, text) => {
    expect(read(text).outcome).toBe('refused')
  })
})

describe('the response parser reads', () => {
  it('a body of a declared length, and says where it ends', () => {
    expect(read('HTTP/1.1 200 OK\r\nX-A: \t b \t\r\nContent-Length: 3\r\n\r\nabc')).toEqual({
      outcome: 'complete',
      status: 200,
      head: ['x-a', 'b', 'content-length', '3'],
      body: 'abc',
    })
  })

  it('chunks with extensions and trailers, which it drops', () => {
    const text =
      'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;a="b"\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n'
    expect(read(text)).toMatchObject({ outcome: 'complete', body: 'abc' })
  })

  it('a body until the connection closes', () => {
    expect(read('HTTP/1.1 200\r\n\r\nabc', 'GET', false)).toMatchObject({ outcome: 'open', body: 'abc' })
    expect(read('HTTP/1.1 200\r\n\r\nabc')).toMatchObject({ outcome: 'complete', body: 'abc' })
  })

  it('no body of HEAD, 204 and 304, whatever they declare (RFC 9112 §6.3)', () => {
    const declared = (status: string) => `HTTP/1.1 ${status}\r\ncontent-length: 5\r\n\r\n`
    expect(read(declared('200 OK'), 'HEAD')).toMatchObject({ outcome: 'complete', body: '' })
    expect(read(declared('204 No Content'))).toMatchObject({ outcome: 'complete', body: '' })
    expect(read(declared('304 Not Modified'))).toMatchObject({ outcome: 'complete', body: '' })
  })

  it('over interim responses to the final one', () => {
    const text = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx'
    expect(read(text)).toMatchObject({
      outcome: 'complete',
      status: 200,
      head: ['content-length', '1'],
      body: 'x',
    })
  })

  it('nothing of what follows a complete answer', () => {
    const one = 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx'
    expect(read(one + one)).toMatchObject({ outcome: 'complete', body: 'x' })
  })
})

/** Answers out of pieces, right and wrong ones, and with a byte changed here and there. */
const piece = fc.constantFrom(
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 204 No Content\r\n',
  'HTTP/1.1 103 Early Hints\r\n\r\n',
  'HTTP/1.0 200 OK\r\n',
  'HTTP/1.1 404\r\n',
  'Content-Length: 3\r\n',
  'Content-Length: 0\r\n',
  'content-length: 03\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:\tCHUNKED \r\n',
  'Connection: close\r\n',
  'X-A: b\r\n',
  'x-b:\r\n',
  'X-C : d\r\n',
  '\r\n',
  '\r\n',
  'abc',
  '3\r\nabc\r\n',
  '0\r\n\r\n',
  '1;x=y\r\na\r\n',
  '00\r\n',
  'X-Sum: 1\r\n',
  '\n',
  '\r',
  '\x00',
  ' ',
)
const answer = fc
  .tuple(
    fc.constantFrom('HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 \r\n', 'HTTP/1.0 200 OK\r\n', ''),
    fc.array(piece, { maxLength: 9 }),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 1 }),
  )
  .map(([start, rest, changes]) => {
    const text = bytes(start + rest.join(''))
    for (const [at, value] of changes) if (text.length > 0) text[at % text.length] = value
    return text
  })
const method = fc.constantFrom('GET', 'GET', 'HEAD')

describe('the response parser', () => {
  it('reads the same however the bytes were cut', () => {
    fc.assert(
      fc.property(answer, method, fc.array(fc.nat()), (all, asked, cuts) => {
        const places = [...new Set([0, ...cuts.map((cut) => cut % (all.length + 1)), all.length])].sort(
          (a, b) => a - b,
        )
        const pieces = places.slice(1).map((end, index) => all.subarray(places[index], end))
        const single = Array.from(all, (_, index) => all.subarray(index, index + 1))
        const whole = readOurs([all], asked, true)
        expect(readOurs(pieces, asked, true)).toEqual(whole)
        expect(readOurs(single, asked, true)).toEqual(whole)
      }),
      { numRuns: 1000 },
    )
  }, 60_000)

  it('takes nothing that llhttp does not take, and reads it alike', async () => {
    let taken = 0
    await fc.assert(
      fc.asyncProperty(answer, method, async (all, asked) => {
        const ours = readOurs([all], asked, true)
        if (ours.outcome !== 'complete') return
        taken += 1
        // What follows the message is nobody's; llhttp would judge it as well.
        const ends = Array.from(all, (_, index) => index + 1)
        const end = ends.find((at) => readOurs([all.subarray(0, at)], asked, false).outcome === 'complete')
        const theirs = await readByNode(all.subarray(0, end), asked)
        expect(theirs).toEqual(ours)
      }),
      { numRuns: 2000 },
    )
    expect(taken).toBeGreaterThan(50)
  }, 60_000)
})
