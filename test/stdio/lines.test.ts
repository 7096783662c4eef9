import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Lines } from '../../src/stdio/lines.ts'

const most = 40

function heard(chunks: readonly Buffer[]) {
  const told: string[] = []
  const lines = new Lines(
    most,
    (line) => told.push(line.toString('latin1')),
    (begun) => told.push(`${begun.length} and more`),
  )
  for (const chunk of chunks) lines.push(chunk)
  lines.end()
  return told
}

it('hears the same lines in whatever pieces they come, and drops what is behind the longest', () => {
  const line = fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[^ -~]/g, '.'))
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(200)), fc.boolean(), (lines, cuts, carriage) => {
      const all = Buffer.from(lines.map((it) => `${it}${carriage ? '\r\n' : '\n'}`).join(''))
      const places = [...new Set(cuts.map((cut) => cut % (all.length + 1)))].sort((a, b) => a - b)
      const pieces = [0, ...places].map((from, at) => all.subarray(from, places[at] ?? all.length))
      const room = carriage ? most - 1 : most
      const expected = lines.map((it) => (it.length > room ? `${most} and more` : it))
      expect(heard(pieces)).toEqual(expected)
    }),
  )
})
