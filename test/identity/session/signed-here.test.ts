import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rememberSigned } from '../../../src/identity/session/signed-here.ts'

const text = fc.stringMatching(/^[A-Za-z0-9_.-]{0,40}$/)
const signature = fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => Buffer.from(bytes))

describe('what was signed here', () => {
  it('is only what was added, in both its parts', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, signature)), text, signature, (added, asked, mark) => {
        const made = rememberSigned(1024)
        for (const [signed, signature] of added) made.add(signed, signature)
        const is = (signed: string, signature: Buffer) =>
          added.some(([one, other]) => one === signed && other.equals(signature))
        expect(made.has(asked, mark)).toBe(is(asked, mark))
        for (const [signed, signature] of added) {
          expect(made.has(signed, mark)).toBe(is(signed, mark))
          expect(made.has(asked, signature)).toBe(is(asked, signature))
        }
      }),
    )
  })

  it('is the newest of it, once there is more than it has room for', () => {
    const made = rememberSigned(64)
    const mark = Buffer.alloc(64)
    const found = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => made.has(`${from + index}`, mark)).filter(Boolean)
        .length
    for (let index = 0; index < 8; index++) made.add(`${index}`, mark)
    expect(found(0, 8)).toBe(8)
    for (let index = 8; index < 10_000; index++) made.add(`${index}`, mark)
    expect(found(0, 9_000)).toBe(0)
    expect(found(9_000, 10_000)).toBe(64)
  })
})
