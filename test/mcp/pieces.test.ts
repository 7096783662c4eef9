import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mirrored } from '../../src/mcp/mirrored.ts'
import { dataOf, EventSplitter, withData } from '../../src/mcp/sse.ts'

const lineEnd = fc.constantFrom('\n', '\r', '\r\n')
const word = fc.string({ unit: fc.constantFrom('a', 'ü', ':', ' ', '{', '"', '\u2028', '\0'), maxLength: 8 })
const field = fc.oneof(
  word.map((text) => `data: ${text}`),
  word.map((text) => `data:${text}`),
  word.map((text) => `:${text}`),
  word.map((text) => `id: ${text}`),
  fc.constant('data'),
  word,
)
const stream = fc
  .array(
    fc.tuple(fc.oneof({ weight: 3, arbitrary: field }, { weight: 2, arbitrary: fc.constant('') }), lineEnd),
    {
      maxLength: 40,
    },
  )
  .map((lines) => lines.map((it) => it.join('')).join(''))
const cuts = fc.array(fc.nat(), { maxLength: 30 })

/** Cut at these places, each taken as far round as the bytes are long. */
function cutAt(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((it) => it % (bytes.length + 1)))].sort((one, other) => one - other)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}

function split(pieces: readonly Buffer[], most = 1e6) {
  const splitter = new EventSplitter(most)
  const events: string[] = []
  for (const piece of pieces) splitter.push(piece, (event) => events.push(event.toString()))
  return { events, rest: splitter.rest().toString() }
}

/** As the HTML Standard reads a stream: the data of each event that has any. */
function dispatched(text: string): string[] {
  const found: string[] = []
  let data: string[] = []
  for (const line of text.split(/\r\n|\r|\n/).slice(0, -1)) {
    if (line === '') {
      if (data.length > 0) found.push(data.join('\n'))
      data = []
    } else if (line === 'data') data.push('')
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  return found
}

describe('an event stream', () => {
  it('is cut into the same events, and loses no byte, however it arrives', () => {
    fc.assert(
      fc.property(stream, cuts, (text, at) => {
        const bytes = Buffer.from(text)
        const whole = split([bytes])
        const cut = split(cutAt(bytes, at))
        expect(cut.events.join('') + cut.rest).toBe(bytes.toString())
        // The LF of a CR LF that is cut in two is read with the next event, where it ends no line.
        const data = (events: readonly string[]) =>
          events.map((event) => dataOf(event)).filter((it) => it !== undefined)
        expect(data(cut.events)).toEqual(data(whole.events))
        expect(data(whole.events)).toEqual(dispatched(bytes.toString()))
      }),
      { numRuns: 2000 },
    )
  })

  it('has events of which none can end another, whatever is put into one', () => {
    fc.assert(
      fc.property(stream, fc.string(), (text, value) => {
        for (const event of split([Buffer.from(text)]).events) {
          const written = withData(event, JSON.stringify(value))
          expect(split([Buffer.from(written)])).toEqual({ events: [written], rest: '' })
          expect(JSON.parse(dataOf(written)!)).toBe(value)
        }
      }),
    )
  })

  it('holds no more than it may, and no more memory for a thousand pieces than for one', () => {
    expect(() => split([Buffer.from('data: 12345')], 10)).toThrow('an event is too large')
    expect(() =>
      split(
        Array.from('data: 12345', (it) => Buffer.from(it)),
        10,
      ),
    ).toThrow('an event is too large')
    expect(split([Buffer.from('data: 1234\n\ndata: 1234\n\n')], 12).events).toHaveLength(2)
    const splitter = new EventSplitter(1e7)
    const before = process.memoryUsage()
    for (let left = 1e6; left > 0; left -= 1) splitter.push(Buffer.from('x'), () => undefined)
    const after = process.memoryUsage()
    // A million objects would be a hundred megabytes; what is garbage may not have been collected, but it is small.
    const { rest } = { rest: splitter.rest() }
    expect(rest).toHaveLength(1e6)
    expect(rest.buffer.byteLength).toBeLessThan(4e6)
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(6e7)
  })
})

describe('a mirrored header', () => {
  const wrap = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`

  it('says what was wrapped, whatever it was, and what is plain as it stands', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme-ascii' }), (any, plain) => {
        expect(mirrored(wrap(any))).toBe(any)
        expect(mirrored(` \t${wrap(any)}\t `)).toBe(any)
        const visible = plain.replaceAll(/[^\x21-\x7e]/g, '')
        if (!visible.startsWith('=?base64?')) expect(mirrored(` ${visible}\t`)).toBe(visible)
      }),
    )
  })

  it('has one meaning, or none', () => {
    const nothing = [
      '=?base64?YQ?=',
      '=?base64?YR==?=',
      '=?base64?/w==?=',
      '=?base64?gIA=?=',
      'caf\u00e9',
      'caf\u00c3\u00a9',
      '\u0080',
      'a\u0000',
    ]
    for (const text of nothing) expect([text, mirrored(text)]).toEqual([text, undefined])
    for (const text of [
      '=?BASE64?YQ==?=',
      '=?Base64?YQ==?=',
      '=?base64?YQ==',
      '=?base64?Y Q==?=',
      '=?utf-8?Q?a?=',
    ])
      expect(mirrored(text)).toBe(text)
    expect(mirrored(wrap(wrap('a')))).toBe(wrap('a'))
    expect(mirrored(wrap('\ufeffa'))).toBe('\ufeffa')
  })
})
