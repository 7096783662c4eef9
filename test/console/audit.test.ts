import { describe, expect, it } from 'vitest'
import { auditExport, auditQuery, auditTail, auditVerify, parseMoment } from '../../src/console/audit.ts'
import { intent, linesOf, outcome, recording, segmentPaths, writeLines } from '../audit/record-kit.ts'

function terminal(json = false) {
  const lines: string[] = []
  return { lines, json, line: (text: string) => void lines.push(text), progress: () => {} }
}

async function recorded() {
  const made = recording()
  const audit = await made.open()
  for (const request of ['a', 'b'])
    audit.finish(await audit.begin(intent(request), 'handed'), outcome(request))
  await audit.close()
  const anchors = await made.anchors.list()
  return { ...made, known: { anchors, trustedKeys: [made.key.publicKey] } }
}

describe('audit verify', () => {
  it('fails with 1 on a tampered copy and names file and line', async () => {
    const { directory, known } = await recorded()
    const [path = ''] = segmentPaths(directory)
    writeLines(path, linesOf(path).with(3, linesOf(path)[3]!.replace('alice', 'mallory')))
    const output = terminal()
    expect(await auditVerify(directory, known, output)).toBe(1)
    expect(output.lines.join('\n')).toMatch(/problem {2}tampered-line: .*000001\.jsonl, line 4\)/)
    expect(output.lines.at(-1)).toBe('The record is NOT whole.')
  })

  it('succeeds with 0 on an honest record', async () => {
    const { directory, known } = await recorded()
    const output = terminal()
    expect(await auditVerify(directory, known, output)).toBe(0)
    expect(output.lines.at(-1)).toBe('The record is whole: 7 lines in 1 chain.')
  })

  it('gives the report as one JSON object', async () => {
    const { directory, known } = await recorded()
    const output = terminal(true)
    await auditVerify(directory, known, output)
    expect(output.lines).toHaveLength(1)
    expect(JSON.parse(output.lines[0]!)).toMatchObject({
      ok: true,
      lines: 7,
      chains: [{ state: 'closed' }],
      problems: [],
    })
  })
})

describe('audit query, tail and export', () => {
  it('shows one line for each record', async () => {
    const { directory } = await recorded()
    const output = terminal()
    expect(await auditQuery(directory, { request: 'a' }, output)).toBe(0)
    expect(output.lines).toHaveLength(2)
    expect(output.lines[0]).toMatch(
      /intent.*alice.*crm.*orders.*GET \/orders\/\{id\}.*read.*allow.*request a/,
    )
    expect(output.lines[1]).toMatch(/outcome.*alice.*done {2}200.*of /)
  })

  it('gives the records as they stand with --json and on export', async () => {
    const { directory } = await recorded()
    const text = segmentPaths(directory).flatMap(linesOf)
    for (const run of [
      (output: ReturnType<typeof terminal>) => auditQuery(directory, {}, output),
      (output: ReturnType<typeof terminal>) => auditTail(directory, { lines: 100 }, output),
      (output: ReturnType<typeof terminal>) => auditExport(directory, { format: 'jsonl' }, output),
    ]) {
      const output = terminal(true)
      expect(await run(output)).toBe(0)
      expect(output.lines).toEqual(text)
    }
  })
})

describe('a moment', () => {
  const now = Date.parse('2027-01-02T00:00:00Z')
  it.each(['', 'soon', '15', '15x', '-5m', '2027', 'm'])('is not %j', (text) => {
    expect(parseMoment(text, now)).toBeUndefined()
  })

  it('is an age or an ISO time', () => {
    expect(parseMoment('24h', now)).toBe(Date.parse('2027-01-01T00:00:00Z'))
    expect(parseMoment('15m', now)).toBe(now - 900_000)
    expect(parseMoment('2027-01-01T10:00:00Z', now)).toBe(Date.parse('2027-01-01T10:00:00Z'))
  })
})
