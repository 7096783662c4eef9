import { appendFileSync, readdirSync, readFileSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { exportRecords, queryRecords, tailRecords, verifyRecords } from '../../src/audit/index.ts'
import { seconds } from '../../src/model/index.ts'
import { alice, allLines, intent, outcome, recording, segmentPaths } from './record-kit.ts'

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}
const requests = (found: readonly { line: Readonly<Record<string, unknown>> }[]) =>
  found.map(({ line }) => line['request'])

describe('queryRecords', () => {
  async function some() {
    const made = recording()
    let nowMs = Date.parse('2027-01-01T00:00:00Z')
    const audit = await made.open({ segmentBytes: 3000 }, { nowMs: () => nowMs })
    for (let index = 0; index < 20; index += 1) {
      nowMs += 60_000
      const who = {
        principal: { ...alice, subject: index % 2 === 0 ? 'alice' : 'bob' },
        sid: `s-${index % 5}`,
      }
      const recorded = await audit.begin(intent(`r${index}`, { who }), 'handed')
      audit.finish(recorded, outcome(`r${index}`))
    }
    await audit.close()
    return made
  }

  it('finds by user, session, request, downstream and kind, in order, over segments', async () => {
    const { directory } = await some()
    expect(requests(await all(queryRecords(directory, { user: 'bob', kind: 'intent', sid: 's-1' })))).toEqual(
      ['r1', 'r11'],
    )
    expect(await all(queryRecords(directory, { request: 'r7' }))).toHaveLength(2)
    expect(await all(queryRecords(directory, { downstream: 'orders' }))).toHaveLength(40)
    expect(await all(queryRecords(directory, { downstream: 'another' }))).toEqual([])
    expect(await all(queryRecords(directory, { user: 'bob', issuer: 'https://another' }))).toEqual([])
  })

  it('finds by time, the beginning included and the end not', async () => {
    const { directory } = await some()
    const since = Date.parse('2027-01-01T00:05:00Z')
    const found = await all(queryRecords(directory, { kind: 'intent', since, until: since + 120_000 }))
    expect(requests(found)).toEqual(['r4', 'r5'])
  })

  it('stops at its limit', async () => {
    const { directory } = await some()
    expect(requests(await all(queryRecords(directory, { kind: 'intent', limit: 3 })))).toEqual([
      'r0',
      'r1',
      'r2',
    ])
  })

  it('skips what is no line', async () => {
    const { directory } = await some()
    appendFileSync(segmentPaths(directory)[0]!, 'garbage\n[1]\n{"n":')
    expect(await all(queryRecords(directory, { kind: 'intent' }))).toHaveLength(20)
  })

  it('exports the exact bytes', async () => {
    const { directory } = await some()
    const text = segmentPaths(directory)
      .map((path) => readFileSync(path, 'utf8'))
      .join('')
    expect(
      (await all(exportRecords(directory, { format: 'jsonl' }))).map((line) => `${line}\n`).join(''),
    ).toBe(text)
  })
})

describe('tailRecords', () => {
  it('gives the last lines', async () => {
    const made = recording()
    const audit = await made.open({ segmentBytes: 2000 })
    for (let index = 0; index < 12; index += 1) await audit.begin(intent(`r${index}`), 'handed')
    expect(
      requests(await all(tailRecords(made.directory, { lines: 2, filter: { kind: 'intent' } }))),
    ).toEqual(['r10', 'r11'])
  })

  it('follows over segments and restarts until it is aborted', async () => {
    const made = recording()
    const first = await made.open({ segmentBytes: 2000 })
    await first.begin(intent('before'), 'handed')
    const stop = new AbortController()
    const seen: unknown[] = []
    const following = (async () => {
      const options = { lines: 0, follow: true, signal: stop.signal, everyMs: 10, filter: { kind: 'intent' } }
      for await (const { line } of tailRecords(made.directory, options)) seen.push(line['request'])
    })()
    await new Promise((resolve) => setTimeout(resolve, 50))
    for (let index = 0; index < 9; index += 1) await first.begin(intent(`a${index}`), 'handed')
    await first.close()
    const second = await made.open()
    await second.begin(intent('b'), 'handed')
    await vi.waitFor(() => expect(seen.at(-1)).toBe('b'))
    stop.abort()
    await following
    expect(seen).toEqual([...Array.from({ length: 9 }, (_, index) => `a${index}`), 'b'])
  })
})

describe('retention', () => {
  const day = 86_400_000
  async function aged() {
    const made = recording()
    let nowMs = Date.parse('2027-01-01T00:00:00Z')
    const deps = { nowMs: () => nowMs }
    for (let start = 0; start < 3; start += 1) {
      const audit = await made.open({ segmentBytes: 2000, heads: { lines: 1000, seconds: 3600 } }, deps)
      for (let index = 0; index < 12; index += 1) {
        nowMs += day / 12
        await audit.begin(intent(`${start}-${index}`), 'handed')
      }
      if (start !== 1) await audit.close()
    }
    return {
      ...made,
      deps,
      openSwept: (days: number) => {
        nowMs += 1000
        return made.open({ retention: seconds(days * 86_400) }, deps)
      },
    }
  }

  it('deletes whole segments that are older, and verify explains it', async () => {
    const made = await aged()
    const before = segmentPaths(made.directory)
    const audit = await made.openSwept(1.5)
    await vi.waitFor(() =>
      expect(allLines(made.directory).some(({ kind }) => kind === 'retention')).toBe(true),
    )
    await audit.note({ kind: 'policy', who: {} })
    await audit.close()
    const left = segmentPaths(made.directory)
    expect(left.length).toBeLessThan(before.length)
    expect(before.slice(-3).every((path) => left.includes(path))).toBe(true)
    const report = await verifyRecords(made.directory, { anchors: await made.anchors.list() })
    expect(report.problems).toEqual([])
    expect(report.notices.map(({ code }) => code)).toContain('deleted-by-retention')
  })

  it('never deletes what is being written', async () => {
    const made = await aged()
    let nowMs = made.deps.nowMs()
    const audit = await made.open({ retention: seconds(0) }, { nowMs: () => (nowMs += 10) })
    await vi.waitFor(() => expect(segmentPaths(made.directory)).toHaveLength(1))
    expect(segmentPaths(made.directory)[0]).toContain(audit.chain)
    await audit.close()
    expect(await verifyRecords(made.directory, { anchors: await made.anchors.list() })).toMatchObject({
      ok: true,
    })
  })

  it('goes on verifiable after the segment with the retention line was deleted too', async () => {
    const made = await aged()
    for (let start = 0; start < 3; start += 1) {
      const audit = await made.openSwept(0)
      await vi.waitFor(() => expect(segmentPaths(made.directory)).toHaveLength(1))
      await audit.close()
    }
    expect(await verifyRecords(made.directory, { anchors: await made.anchors.list() })).toMatchObject({
      ok: true,
    })
  })

  it('does not explain what was deleted beyond it', async () => {
    const made = await aged()
    const audit = await made.openSwept(1.5)
    await vi.waitFor(() =>
      expect(allLines(made.directory).some(({ kind }) => kind === 'retention')).toBe(true),
    )
    await audit.close()
    unlinkSync(segmentPaths(made.directory)[0]!)
    expect(await verifyRecords(made.directory, { anchors: await made.anchors.list() })).toMatchObject({
      ok: false,
    })
  })

  it('goes by the lines, not by the file times', async () => {
    const made = await aged()
    for (const path of segmentPaths(made.directory)) utimesSync(path, 0, 0)
    const before = segmentPaths(made.directory).length
    const audit = await made.openSwept(400)
    await audit.close()
    expect(segmentPaths(made.directory)).toHaveLength(before + 1)
  })

  it('keeps everything where none is configured', async () => {
    const made = await aged()
    const before = segmentPaths(made.directory).length
    await (await made.open({}, made.deps)).close()
    expect(segmentPaths(made.directory)).toHaveLength(before + 1)
  })
})

describe('a start', () => {
  it('removes what a crash left of a segment that never began', async () => {
    const made = recording()
    await (await made.open()).close()
    writeFileSync(join(made.directory, '00000002-00000000.000001.jsonl.new'), '{"n":0')
    await (await made.open()).close()
    expect(readdirSync(made.directory).filter((file) => file.endsWith('.new'))).toEqual([])
  })

  it('finds the last whole line behind long ones and garbage', async () => {
    const made = recording()
    const first = await made.open()
    const details = { text: 'x'.repeat(500) }
    for (let index = 0; index < 5; index += 1) await first.begin(intent(`r${index}`, { details }), 'handed')
    const path = segmentPaths(made.directory)[0]!
    const end = allLines(made.directory).at(-1)?.['n']
    appendFileSync(path, `\u0000\n${'\u0000'.repeat(700_000)}`)
    await (await made.open()).close()
    const genesis = readFileSync(segmentPaths(made.directory)[1]!, 'utf8').split('\n')[0]!
    expect(JSON.parse(genesis)).toMatchObject({ previous: { n: end, torn: { bytes: 700_002 } } })
    expect(await verifyRecords(made.directory, { anchors: await made.anchors.list() })).toMatchObject({
      ok: true,
    })
  })
})
