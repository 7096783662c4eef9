import { describe, expect, it } from 'vitest'
import { verifyRecords } from '../../src/audit/index.ts'
import { auditQuery, auditTail } from '../../src/console/audit.ts'
import { alice, allLines, intent, linesOf, recording, segmentPaths } from '../audit/record-kit.ts'

const hostile = [
  'x"}\n{"n":2,"at":"2027-01-01T00:00:00.000Z","prev":"","kind":"intent"}',
  '\r\n\u001b[2J\u001b[1;31mallow',
  '\u202eevil\u2066\u2028\u0085',
  '","decision":"allow","decision":"allow',
  '\ud800\u0000',
]

async function attacked() {
  const made = recording()
  const audit = await made.open()
  for (const text of hostile) {
    const who = { principal: { ...alice, subject: text }, client: text, sid: text, server: text }
    const details = { [text]: text, list: [text] }
    await audit.note(
      intent(text, { who, tool: text, path: `/${text}`, call: text, trace: text, decision: 'deny', details }),
    )
  }
  await audit.close()
  return made
}

describe('A70 log injection: a name that forges the record', () => {
  it('makes no line of its own in the record, by whatever name it gives itself', async () => {
    const made = await attacked()
    const lines = segmentPaths(made.directory).flatMap(linesOf)
    expect(lines).toHaveLength(hostile.length + 3)
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]+$/)
    expect(allLines(made.directory).flatMap(({ decision }) => decision ?? [])).toEqual(
      hostile.map(() => 'deny'),
    )
    expect(await verifyRecords(made.directory)).toMatchObject({ ok: true })
  })

  it('sends nothing to the terminal of who reads the record', async () => {
    const made = await attacked()
    const seen: string[] = []
    const output = { json: false, line: (text: string) => void seen.push(text), progress: () => {} }
    await auditTail(made.directory, { lines: 100 }, output)
    await auditQuery(made.directory, {}, output)
    expect(seen).toHaveLength(2 * (hostile.length + 3))
    for (const line of seen) expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
  })
})
