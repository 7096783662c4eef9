import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verifyRecords } from '../../src/audit/index.ts'
import { hashLine } from '../../src/audit/lines.ts'
import type { Report } from '../../src/audit/report.ts'
import {
  type Anchor,
  copyOf,
  intent,
  linesOf,
  outcome,
  type Recording,
  recording,
  segmentPaths,
  settled,
  testKey,
  writeLines,
} from './record-kit.ts'

const codes = (report: Report) => [...new Set(report.problems.map(({ code }) => code))].sort()

async function record(record: Recording, requests: number, how: 'closed' | 'open' = 'closed'): Promise<void> {
  const audit = await record.open({ segmentBytes: 10_000, heads: { lines: 10, seconds: 1 } })
  for (let index = 0; index < requests; index += 1) {
    const recorded = await audit.begin(intent(`r${index}`), index % 10 === 0 ? 'synced' : 'handed')
    audit.finish(recorded, outcome(`r${index}`))
    if (index % 3 === 0) await settled()
  }
  await audit.note({ kind: 'denial', who: {} })
  if (how === 'closed') await audit.close()
}

async function recorded(
  ...chains: ('closed' | 'open')[]
): Promise<Recording & { known: { anchors: Anchor[]; trustedKeys: Recording['key']['publicKey'][] } }> {
  const made = recording()
  for (const how of chains) await record(made, 30, how)
  return {
    ...made,
    known: {
      anchors: await made.anchors.list().then((list) => [...list]),
      trustedKeys: [made.key.publicKey],
    },
  }
}

/** Recompute every hash from line `from` on, as a forger without the key would. */
function rehash(lines: readonly string[], from: number): string[] {
  const out = [...lines]
  for (let index = from; index < out.length; index += 1) {
    const before = out[index - 1]
    if (before !== undefined)
      out[index] = out[index]!.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${hashLine(before)}"`)
  }
  return out
}

describe('verifyRecords', () => {
  it('finds any byte flipped anywhere', async () => {
    const { directory, known } = await recorded('closed', 'closed')
    const paths = segmentPaths(directory)
    expect(paths.length).toBeGreaterThan(2)
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (which, where, change) => {
        const path = paths[which % paths.length]!
        const bytes = readFileSync(path)
        const altered = Buffer.from(bytes)
        altered[where % bytes.length]! ^= change
        writeFileSync(path, altered)
        const report = await verifyRecords(directory, known)
        writeFileSync(path, bytes)
        expect(report.ok).toBe(false)
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  it('finds any line removed, duplicated or swapped', async () => {
    const { directory, known } = await recorded('closed')
    const paths = segmentPaths(directory)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(),
        fc.nat(),
        fc.constantFrom('remove', 'duplicate', 'swap'),
        async (which, at, to, how) => {
          const path = paths[which % paths.length]!
          const bytes = readFileSync(path)
          const lines = linesOf(path)
          const first = at % lines.length
          const second = (first + 1 + (to % (lines.length - 1))) % lines.length
          if (how === 'remove') lines.splice(first, 1)
          if (how === 'duplicate') lines.splice(second, 0, lines[first]!)
          if (how === 'swap') [lines[first], lines[second]] = [lines[second]!, lines[first]!]
          writeLines(path, lines)
          const report = await verifyRecords(directory, known)
          writeFileSync(path, bytes)
          expect(report.ok).toBe(false)
        },
      ),
      { numRuns: 100 },
    )
  }, 60_000)

  it.each([
    ['removed-lines', (lines: string[]) => lines.toSpliced(7, 1)],
    ['duplicated-line', (lines: string[]) => lines.toSpliced(9, 0, lines[7]!)],
    ['reordered-line', (lines: string[]) => lines.toSpliced(7, 2, lines[8]!, lines[7]!)],
    ['tampered-line', (lines: string[]) => lines.with(7, lines[7]!.replace('alice', 'mallory'))],
    ['tampered-line', (lines: string[]) => lines.toSpliced(7, 0, 'not a line')],
  ])('names a %s', async (code, change) => {
    const { directory, known } = await recorded('closed')
    const [path] = segmentPaths(directory)
    writeLines(path!, change(linesOf(path!)))
    expect(codes(await verifyRecords(directory, known))).toEqual([code])
  })

  it('finds lines rewritten with recomputed hashes, because heads are signed', async () => {
    const { directory, known } = await recorded('closed')
    const paths = segmentPaths(directory)
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (at) => {
        const copy = copyOf(directory)
        const copies = segmentPaths(copy)
        const all = copies.flatMap(linesOf)
        const altered = all.map((line, index) =>
          index === 2 + (at % (all.length - 4)) ? line.replace(/"at":"2/, '"at":"1') : line,
        )
        const forged = rehash(altered, 1)
        let from = 0
        for (const [index, path] of copies.entries()) {
          const count = linesOf(paths[index]!).length
          writeLines(path, forged.slice(from, from + count))
          from += count
        }
        const report = await verifyRecords(copy, { trustedKeys: known.trustedKeys })
        rmSync(copy, { recursive: true })
        expect(report.ok).toBe(false)
        expect(codes(report)).toContain('bad-signature')
      }),
      { numRuns: 15 },
    )
  }, 60_000)

  it('finds heads that were rewritten along with the lines, because only the key can sign', async () => {
    const { directory, known } = await recorded('closed')
    const paths = segmentPaths(directory)
    const lines = paths.flatMap(linesOf)
    lines[5] = lines[5]!.replace('alice', 'mallory')
    for (let n = 1; n < lines.length; n += 1) {
      const before = hashLine(lines[n - 1]!)
      lines[n] = lines[n]!.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${before}"`).replace(
        /"hash":"[0-9a-f]{64}"/,
        `"hash":"${before}"`,
      )
    }
    for (const path of paths) writeLines(path, lines.splice(0, linesOf(path).length))
    expect(codes(await verifyRecords(directory, { trustedKeys: known.trustedKeys }))).toEqual([
      'bad-signature',
    ])
  })

  it.each([
    ['a member added', (line: string) => line.replace('"sig"', '"note":"x","sig"')],
    ['another time', (line: string) => line.replace(/"at":"2/, '"at":"1')],
    ['white space', (line: string) => line.replace(',"sig"', ', "sig"')],
    ['another number', (line: string) => line.replace(/^\{"n":/, '{"n":1')],
    ['another signature', (line: string) => line.replace(/"sig":"..../, '"sig":"AAAA')],
    [
      'unused bits of the signature set',
      (line: string) => line.replace(/.("})$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}"}`),
    ],
  ])('finds %s in the line that closes the chain, without any anchor', async (_, change) => {
    const { directory, known } = await recorded('closed')
    const path = segmentPaths(directory).at(-1)!
    const lines = linesOf(path)
    const altered = change(lines.at(-1)!)
    expect(altered).not.toBe(lines.at(-1))
    writeLines(path, lines.with(-1, altered))
    expect((await verifyRecords(directory, { trustedKeys: known.trustedKeys })).ok).toBe(false)
  })

  it('finds a chain that was rewritten without its heads', async () => {
    const { directory, known } = await recorded('open', 'closed')
    const [path] = segmentPaths(directory)
    const lines = linesOf(path!)
    const stripped = lines.filter((line) => !line.includes('"kind":"head"') || line.startsWith('{"n":1,'))
    const renumbered = stripped.map((line, n) => line.replace(/^\{"n":\d+/, `{"n":${n}`))
    writeLines(path!, rehash(renumbered, 2))
    expect((await verifyRecords(directory, known)).ok).toBe(false)
  })

  it('tells a stretch without signed heads', async () => {
    const made = recording()
    const audit = await made.open({ heads: { lines: 10, seconds: 1 } }, { sign: failAfter(made.key.sign, 1) })
    for (let index = 0; index < 1100; index += 1) await audit.begin(intent(`r${index}`), 'handed')
    await audit.close()
    expect(codes(await verifyRecords(made.directory))).toEqual(['unsigned-lines'])
  })

  it('finds a chain signed with a key that is not trusted', async () => {
    const { directory } = await recorded('closed')
    const report = await verifyRecords(directory, { trustedKeys: [testKey().publicKey] })
    expect(codes(report)).toEqual(['unknown-key'])
    expect(report.ok).toBe(false)
  })

  it('finds a forged newest chain by the key that was anchored', async () => {
    const { directory, known } = await recorded('closed')
    const report = await verifyRecords(directory, {
      anchors: known.anchors.map((anchor) => ({ ...anchor, key: 'another' })),
    })
    expect(codes(report)).toContain('unknown-key')
  })

  it('finds the end of the newest chain cut off, by its anchor', async () => {
    const { directory, known } = await recorded('closed')
    const path = segmentPaths(directory).at(-1)!
    writeLines(path, linesOf(path).slice(0, -1))
    expect(codes(await verifyRecords(directory, known))).toEqual(['truncated'])
    const unanchored = await verifyRecords(directory, { trustedKeys: known.trustedKeys })
    expect(unanchored.chains.at(-1)?.state).toBe('open')
    expect(unanchored.notices.map(({ code }) => code)).toContain('open-ended')
  })

  it('finds the end of a killed process’s chain cut off, by its anchor', async () => {
    const { directory, known } = await recorded('open')
    const [first = '', ...rest] = segmentPaths(directory)
    for (const path of rest) rmSync(path)
    writeLines(first, linesOf(first).slice(0, 1))
    expect(codes(await verifyRecords(directory, known))).toEqual(['truncated'])
  })

  it('finds the end of a former chain cut off, by the genesis of the next', async () => {
    const { directory, known } = await recorded('open', 'closed')
    const first = segmentPaths(directory).findLast((path) => path.includes('00000001-'))!
    writeLines(first, linesOf(first).slice(0, -1))
    expect(codes(await verifyRecords(directory, { trustedKeys: known.trustedKeys }))).toEqual(['truncated'])
  })

  it('finds a whole segment removed', async () => {
    const { directory, known } = await recorded('closed')
    rmSync(segmentPaths(directory)[1]!)
    expect(codes(await verifyRecords(directory, known))).toEqual(['removed-lines'])
  })

  it('finds the oldest segment removed where no retention line says so', async () => {
    const { directory, known } = await recorded('closed')
    rmSync(segmentPaths(directory)[0]!)
    expect(codes(await verifyRecords(directory, known))).toEqual(['removed-lines'])
  })

  it.each([
    ['first', 0],
    ['middle', 1],
    ['last', 2],
  ])('finds the %s chain missing', async (_, index) => {
    const { directory, known } = await recorded('closed', 'closed', 'closed')
    const chain = [...new Set(segmentPaths(directory).map((path) => path.split('/').at(-1)!.split('.')[0]!))][
      index
    ]!
    for (const path of segmentPaths(directory)) if (path.includes(chain)) rmSync(path)
    expect(codes(await verifyRecords(directory, known))).toEqual(['missing-chain'])
  })

  it('finds all chains missing', async () => {
    const { directory, known } = await recorded('closed', 'closed')
    for (const path of segmentPaths(directory)) rmSync(path)
    expect(codes(await verifyRecords(directory, known))).toEqual(['missing-chain'])
  })

  it('numbers chains on after all were removed, so that the gap shows without anchors too', async () => {
    const made = await recorded('closed')
    for (const path of segmentPaths(made.directory)) rmSync(path)
    await record(made, 1)
    expect(codes(await verifyRecords(made.directory, { trustedKeys: made.known.trustedKeys }))).toEqual([
      'missing-chain',
    ])
  })

  it('finds two chains that continue the same one', async () => {
    const made = await recorded('closed')
    const copy = copyOf(made.directory)
    await record(made, 3)
    const audit = await made.open(
      { directory: copy },
      { anchors: { put: async () => {}, list: async () => [] } },
    )
    await audit.close()
    for (const path of segmentPaths(copy))
      if (path.includes('/00000002-')) renameSync(path, path.replace(copy, made.directory))
    expect(codes(await verifyRecords(made.directory, { trustedKeys: made.known.trustedKeys }))).toEqual([
      'forked-chain',
    ])
  })

  it('finds a chain that differs from its anchor', async () => {
    const { directory, known } = await recorded('closed')
    const anchors = known.anchors.map((anchor) => ({ ...anchor, hash: '1'.repeat(64) }))
    expect(codes(await verifyRecords(directory, { anchors }))).toEqual(['forked-chain'])
  })

  it('finds lines added behind the end', async () => {
    const { directory, known } = await recorded('closed', 'closed')
    const path = segmentPaths(directory).findLast((candidate) => candidate.includes('/00000001-'))!
    appendFileSync(path, `${linesOf(path).at(-1)!}\n`)
    expect((await verifyRecords(directory, known)).ok).toBe(false)
  })

  it('reports the torn last line of a killed process as open-ended, not as tampering', async () => {
    const { directory, known } = await recorded('open')
    appendFileSync(segmentPaths(directory).at(-1)!, '{"n":999,"at":"20')
    const report = await verifyRecords(directory, known)
    expect(report.ok).toBe(true)
    expect(report.notices.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['open-ended', 'torn-line']),
    )
  })

  it('knows a torn line again after the next start, and finds it altered', async () => {
    const made = await recorded('open')
    const path = segmentPaths(made.directory).at(-1)!
    appendFileSync(path, '{"n":999,"at":"20')
    await record(made, 2)
    expect((await verifyRecords(made.directory, { anchors: await made.anchors.list() })).ok).toBe(true)
    appendFileSync(path, 'x')
    expect(codes(await verifyRecords(made.directory))).toEqual(['tampered-line'])
    truncateSync(path, readFileSync(path).lastIndexOf('\n') + 1)
    expect(codes(await verifyRecords(made.directory))).toEqual(['truncated'])
  })

  it('finds nothing wrong with an honest record, and tells how far it has come', async () => {
    const { directory, known } = await recorded('closed', 'open', 'closed')
    const seen: number[] = []
    const report = await verifyRecords(directory, {
      ...known,
      onProgress: ({ bytes, totalBytes }) => seen.push(bytes / totalBytes),
    })
    expect(report.problems).toEqual([])
    expect(report.ok).toBe(true)
    expect(report.chains.map(({ state }) => state)).toEqual(['closed', 'open', 'closed'])
    expect(seen.at(-1)).toBe(1)
  })
})

function failAfter(
  sign: (bytes: Uint8Array) => Uint8Array,
  times: number,
): (bytes: Uint8Array) => Uint8Array {
  let left = times
  return (bytes) => {
    left -= 1
    if (left < 0) throw new Error('no key')
    return sign(bytes)
  }
}
