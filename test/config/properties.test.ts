import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canary, faults, least } from './written.ts'

const lines = least.split('\n')
const nowhere = 'zzz'

/** One edit that a hand or a merge makes: a line gone, doubled, swapped, indented, cut, or a character changed. */
const edit = fc.record({
  kind: fc.constantFrom('remove', 'double', 'swap', 'indent', 'cut', 'replace', 'inline'),
  line: fc.nat(lines.length - 1),
  at: fc.nat(60),
  by: fc.constantFrom(
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '#',
    '&a',
    '*a',
    '!t',
    '\t',
    '|',
    '- ',
    '${X}',
    '\u0000',
    '=',
    '@',
    '`',
    '%',
  ),
})

function apply(
  text: readonly string[],
  { kind, line, at, by }: { kind: string; line: number; at: number; by: string },
): string[] {
  const copy = [...text]
  const own = copy[line] ?? ''
  if (kind === 'remove') copy.splice(line, 1)
  if (kind === 'double') copy.splice(line, 0, own)
  if (kind === 'swap') copy.splice(line, 2, copy[line + 1] ?? '', own)
  if (kind === 'indent') copy[line] = `  ${own}`
  if (kind === 'cut') copy[line] = own.slice(0, at)
  if (kind === 'replace') copy[line] = own.slice(0, at) + by + own.slice(at + 1)
  if (kind === 'inline') copy[line] = own.replace('file:/run/secret', canary)
  return copy
}

describe('a configuration that was edited badly', () => {
  it('loads, or is refused with a line, a fault and a remedy, and never shows what a secret file or an inline secret holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const text = edits.reduce<string[]>(apply, lines).join('\n')
        for (const fault of await faults(text, { env: { X: nowhere } })) {
          expect(fault).toMatch(/^\d+:\d+( \S+)?: [^]+\n {4}\S+/)
          expect(fault).not.toContain(canary)
          expect(fault).not.toContain(nowhere)
        }
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  it('is refused whatever bytes it is made of', async () => {
    const anyText = fc.array(fc.nat(0xffff), { maxLength: 60 }).map((units) => String.fromCharCode(...units))
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        expect((await faults(text)).length).toBeGreaterThan(0)
      }),
      { numRuns: 100 },
    )
  }, 60_000)
})
