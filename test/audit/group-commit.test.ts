import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { verifyRecords } from '../../src/audit/index.ts'
import { Secret } from '../../src/model/index.ts'
import {
  allLines,
  countingFs,
  intent,
  noSpace,
  outcome,
  recording,
  segmentPaths,
  settled,
  testKey,
} from './record-kit.ts'

const unavailable = expect.objectContaining({ code: 'record_unavailable' })
const refused = async (action: () => unknown) => {
  try {
    await action()
  } catch (error) {
    return error
  }
  return undefined
}
const quiet = { heads: { lines: 1000, seconds: 3600 } }

describe('begin, when the record cannot be written', () => {
  it('throws when the disk is full, and takes nothing as recorded', async () => {
    const made = recording()
    const { fs, failing } = countingFs()
    const audit = await made.open(quiet, { fs })
    await audit.begin(intent('kept'), 'handed')
    failing.write = noSpace
    failing.create = noSpace
    expect(await refused(() => audit.begin(intent('lost'), 'handed'))).toEqual(unavailable)
    expect(await refused(() => audit.begin(intent('later'), 'handed'))).toEqual(unavailable)
    expect(await refused(() => audit.note(intent('noted')))).toEqual(unavailable)
    expect(audit.working).toBe(false)
    expect(allLines(made.directory).map(({ request }) => request)).toEqual([undefined, undefined, 'kept'])
  })

  it('rejects everybody who waited for the disk when fdatasync fails', async () => {
    const made = recording()
    const { fs, failing } = countingFs()
    const audit = await made.open(quiet, { fs })
    failing.sync = Object.assign(new Error('broken'), { code: 'EIO' })
    const both = await Promise.allSettled([
      audit.begin(intent('a'), 'synced'),
      audit.begin(intent('b'), 'synced'),
    ])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await refused(() => audit.begin(intent('c'), 'handed'))).toEqual(unavailable)
  })

  it('refuses `acknowledged`, which takes a hub', async () => {
    const audit = await recording().open()
    expect(await refused(() => audit.begin(intent('a'), 'acknowledged'))).toEqual(unavailable)
  })

  it('refuses after close', async () => {
    const audit = await recording().open()
    await audit.close()
    expect(await refused(() => audit.begin(intent('a'), 'handed'))).toEqual(unavailable)
    expect(await refused(() => audit.note(intent('a')))).toEqual(unavailable)
  })

  it('refuses to open where the genesis cannot be written', async () => {
    const { fs, failing } = countingFs()
    failing.create = noSpace
    expect(await refused(() => recording().open({}, { fs }))).toEqual(unavailable)
  })

  it('refuses to open without a signer', async () => {
    const sign = () => Promise.reject(new Error('no key'))
    expect(await refused(() => recording().open({}, { sign }))).toEqual(unavailable)
  })
})

describe('going on after a failure', () => {
  it.each([
    ['nothing of it was written', 0],
    ['a part of the line was written', 40],
  ])('opens a new segment when writing works again, where %s', async (_, takeBefore) => {
    const made = recording()
    const { fs, failing } = countingFs()
    let nowMs = 1_800_000_000_000
    const audit = await made.open(quiet, { fs, nowMs: () => nowMs })
    await audit.begin(intent('before'), 'handed')
    failing.takeBefore = takeBefore
    failing.write = noSpace
    expect(await refused(() => audit.begin(intent('lost'), 'handed'))).toEqual(unavailable)
    delete failing.write
    nowMs += 1000
    await audit.begin(intent('after'), 'handed')
    await audit.close()
    expect(segmentPaths(made.directory)).toHaveLength(2)
    const requests = allLines(made.directory).flatMap(({ request }) => request ?? [])
    expect(requests).toEqual(['before', 'after'])
    expect(await verifyRecords(made.directory, { anchors: await made.anchors.list() })).toMatchObject({
      ok: true,
    })
  })

  it('recovers without being asked', async () => {
    const made = recording()
    const { fs, failing } = countingFs()
    const audit = await made.open(quiet, { fs })
    failing.write = noSpace
    await refused(() => audit.begin(intent('lost'), 'handed'))
    delete failing.write
    await vi.waitFor(() => expect(audit.working).toBe(true))
    await audit.close()
  })

  it('writes again in the new segment what the disk may have lost after a failed fdatasync', async () => {
    const made = recording()
    const { fs, failing, hold, release } = countingFs()
    let nowMs = 1_800_000_000_000
    const audit = await made.open(quiet, { fs, nowMs: () => nowMs })
    hold.on = true
    await audit.begin(intent('handed'), 'handed')
    const waiting = refused(() => audit.begin(intent('synced'), 'synced'))
    await vi.waitFor(() => expect(allLines(made.directory)).toHaveLength(4))
    failing.sync = Object.assign(new Error('broken'), { code: 'EIO' })
    release()
    expect(await waiting).toEqual(unavailable)
    delete failing.sync
    hold.on = false
    nowMs += 1000
    await audit.begin(intent('after'), 'synced')
    await audit.close()
    const [first = '', second = ''] = segmentPaths(made.directory).map((path) => readFileSync(path, 'utf8'))
    expect(first).not.toContain('"request":"handed"')
    expect(second).toContain('"request":"handed"')
    expect(second).toContain('"request":"synced"')
    expect(await verifyRecords(made.directory, { anchors: await made.anchors.list() })).toMatchObject({
      ok: true,
    })
  })

  it('stays verifiable where the old segment cannot even be cut', async () => {
    const made = recording()
    const { fs, failing, hold, release } = countingFs()
    let nowMs = 1_800_000_000_000
    const audit = await made.open(quiet, { fs, nowMs: () => nowMs })
    hold.on = true
    await audit.begin(intent('handed'), 'handed')
    failing.truncate = noSpace
    failing.takeBefore = 33
    failing.write = noSpace
    await refused(() => audit.begin(intent('lost'), 'handed'))
    delete failing.write
    nowMs += 1000
    hold.on = false
    release()
    await audit.begin(intent('after'), 'synced')
    await audit.close()
    const report = await verifyRecords(made.directory, { anchors: await made.anchors.list() })
    expect(report.problems).toEqual([])
    expect(report.notices.map(({ code }) => code)).toContain('rewritten-after-failure')
  })

  it('keeps outcomes until they can be written', async () => {
    const made = recording()
    const { fs, failing } = countingFs()
    const audit = await made.open(quiet, { fs })
    const before = await audit.begin(intent('a'), 'handed')
    const after = await audit.begin(intent('b'), 'handed')
    failing.write = noSpace
    audit.finish(before, outcome('a'))
    await refused(() => audit.begin(intent('lost'), 'handed'))
    audit.finish(after, outcome('b'))
    delete failing.write
    await vi.waitFor(() => expect(audit.working).toBe(true))
    await audit.close()
    const outcomes = allLines(made.directory).filter(({ kind }) => kind === 'outcome')
    expect(outcomes.map(({ of }) => of)).toEqual([before.n, after.n])
  })
})

describe('durability', () => {
  it('has a handed record with the kernel when begin returns, without waiting for the disk', async () => {
    const made = recording()
    const { fs, counts, hold } = countingFs()
    hold.on = true
    const audit = await made.open(quiet, { fs })
    const recorded = audit.begin(intent('a'), 'handed')
    expect(recorded).not.toBeInstanceOf(Promise)
    expect(readFileSync(segmentPaths(made.directory)[0]!, 'utf8')).toContain('"request":"a"')
    expect(counts.syncs).toBe(0)
  })

  it('begins an fdatasync for handed records within 5 ms, one for many', async () => {
    const { fs, counts } = countingFs()
    const audit = await recording().open(quiet, { fs })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    for (let index = 0; index < 20; index += 1) await audit.begin(intent(`r${index}`), 'handed')
    expect(counts.syncs).toBe(0)
    vi.advanceTimersByTime(5)
    expect(counts.syncs).toBe(1)
    vi.useRealTimers()
    await audit.close()
  })

  it('resolves a synced begin only when the disk has it', async () => {
    const made = recording()
    const { fs, hold, release } = countingFs()
    const audit = await made.open(quiet, { fs })
    hold.on = true
    let done = false
    const waiting = Promise.resolve(audit.begin(intent('a'), 'synced')).then(() => {
      done = true
    })
    await vi.waitFor(() =>
      expect(readFileSync(segmentPaths(made.directory)[0]!, 'utf8')).toContain('"request":"a"'),
    )
    await settled()
    expect(done).toBe(false)
    release()
    await waiting
    hold.on = false
    await audit.close()
  })

  it('lets concurrent synced begins share one write and one fdatasync', async () => {
    const { fs, counts } = countingFs()
    const audit = await recording().open(quiet, { fs })
    const before = counts.writes
    const recorded = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => audit.begin(intent(`r${index}`), 'synced')),
    )
    expect(counts).toMatchObject({ syncs: 1, writes: before + 1 })
    expect(recorded.map(({ durability }) => durability)).toEqual(Array.from({ length: 50 }, () => 'synced'))
    await audit.close()
  })

  it('does not count a begin as synced by an fdatasync that began before it was written', async () => {
    const { fs, counts, hold, release } = countingFs()
    const audit = await recording().open(quiet, { fs })
    hold.on = true
    const first = audit.begin(intent('first'), 'synced')
    await vi.waitFor(() => expect(counts.syncs).toBe(1))
    let done = false
    const second = Promise.resolve(audit.begin(intent('second'), 'synced')).then(() => {
      done = true
    })
    await settled()
    release()
    await first
    await settled()
    expect(done).toBe(false)
    hold.on = false
    release()
    await second
    expect(counts.syncs).toBe(2)
    await audit.close()
  })

  it('syncs reads too when asked to', async () => {
    const { fs, counts } = countingFs()
    const audit = await recording().open({ ...quiet, reads: 'synced' }, { fs })
    const recorded = await audit.begin(intent('a'), 'handed')
    expect(recorded.durability).toBe('synced')
    expect(counts.syncs).toBe(1)
    await audit.close()
  })

  it('takes a tick’s outcomes in one write', async () => {
    const { fs, counts } = countingFs()
    const audit = await recording().open(quiet, { fs })
    const recorded = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => audit.begin(intent(`r${index}`), 'handed')),
    )
    const before = counts.writes
    for (const [index, one] of recorded.entries()) audit.finish(one, outcome(`r${index}`))
    await settled()
    expect(counts.writes).toBe(before + 1)
    await audit.close()
  })
})

describe('a chain', () => {
  it('begins with a genesis that names the key and how the chain before ended', async () => {
    const made = recording()
    const first = await made.open()
    await first.close()
    const second = await made.open()
    await second.close()
    const lines = allLines(made.directory)
    const starts = lines.filter(({ kind }) => kind === 'genesis')
    expect(starts).toMatchObject([
      { n: 0, chain: first.chain, previous: null, key: made.key.publicKey },
      { n: 0, chain: second.chain, previous: { chain: first.chain, n: 2 } },
    ])
    expect(lines.filter(({ kind }) => kind === 'close')).toHaveLength(2)
  })

  it('is signed after so many lines, and by time', async () => {
    const made = recording()
    let nowMs = 1_800_000_000_000
    const audit = await made.open({ heads: { lines: 10, seconds: 60 } }, { nowMs: () => nowMs })
    for (let index = 0; index < 25; index += 1) await audit.begin(intent(`r${index}`), 'handed')
    const heads = () => allLines(made.directory).filter(({ kind }) => kind === 'head').length
    expect(heads()).toBe(3)
    nowMs += 61_000
    await audit.begin(intent('late'), 'handed')
    expect(heads()).toBe(4)
    await audit.close()
  })

  it('is signed by a signer that takes its time, and verifies', async () => {
    const made = recording()
    const { sign } = made.key
    const slow = async (bytes: Uint8Array) => {
      await settled()
      return sign(bytes)
    }
    const audit = await made.open({ heads: { lines: 10, seconds: 60 }, segmentBytes: 5000 }, { sign: slow })
    for (let index = 0; index < 60; index += 1) {
      await audit.begin(intent(`r${index}`), 'handed')
      if (index % 4 === 0) await settled()
    }
    await audit.close()
    const report = await verifyRecords(made.directory, { trustedKeys: [made.key.publicKey] })
    expect(report).toMatchObject({ ok: true, chains: [{ state: 'closed' }] })
    expect(allLines(made.directory).filter(({ kind }) => kind === 'head').length).toBeGreaterThan(3)
  })

  it('goes on recording while the signer fails', async () => {
    const made = recording()
    let works = true
    const sign = (bytes: Uint8Array) => {
      if (!works) throw new Error('no key')
      return made.key.sign(bytes)
    }
    const audit = await made.open({ heads: { lines: 2, seconds: 60 } }, { sign })
    works = false
    for (let index = 0; index < 9; index += 1) await audit.begin(intent(`r${index}`), 'handed')
    works = true
    await audit.close()
    expect(await verifyRecords(made.directory)).toMatchObject({ ok: true, chains: [{ lines: 12 }] })
  })

  it('anchors a head only once the disk has it', async () => {
    const made = recording()
    const { fs, counts, hold, release } = countingFs()
    const audit = await made.open({ heads: { lines: 5, seconds: 60 } }, { fs })
    hold.on = true
    await audit.begin(intent('first'), 'handed')
    await vi.waitFor(() => expect(counts.syncs).toBe(1))
    for (let index = 0; index < 12; index += 1) await audit.begin(intent(`r${index}`), 'handed')
    release()
    await vi.waitFor(() => expect(counts.syncs).toBe(2))
    expect(made.anchors.all.get(audit.chain)?.n).toBe(1)
    hold.on = false
    release()
    await vi.waitFor(() => expect(made.anchors.all.get(audit.chain)?.n).toBeGreaterThan(5))
    await audit.close()
    expect(made.anchors.all.get(audit.chain)).toMatchObject({ closed: true })
  })

  it('goes on where anchors fail', async () => {
    const made = recording()
    const anchors = { list: async () => [], put: () => Promise.reject(new Error('locked')) }
    const audit = await made.open({}, { anchors })
    await audit.begin(intent('a'), 'synced')
    await audit.close()
    expect(await verifyRecords(made.directory)).toMatchObject({ ok: true })
  })

  it('rotates into sealed segments that verify as one chain', async () => {
    const made = recording()
    const audit = await made.open({ ...quiet, segmentBytes: 3000 })
    for (let index = 0; index < 40; index += 1)
      audit.finish(await audit.begin(intent(`r${index}`), 'handed'), outcome('x'))
    await audit.close()
    const paths = segmentPaths(made.directory)
    expect(paths.length).toBeGreaterThan(4)
    for (const path of paths.slice(0, -1))
      expect(readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)).toContain('"kind":"seal"')
    expect(await verifyRecords(made.directory)).toMatchObject({ ok: true })
  })

  it('gives an outcome the number of its intent and the time since', async () => {
    const made = recording()
    const audit = await made.open()
    const recorded = await audit.begin(intent('a'), 'handed')
    audit.finish(recorded, outcome('a'))
    await audit.close()
    const found = allLines(made.directory).find(({ kind }) => kind === 'outcome')
    expect(found).toMatchObject({ of: recorded.n, durationMs: expect.any(Number) })
  })
})

describe('fingerprint', () => {
  it('is equal for equal secrets only, and depends on the key', async () => {
    const audit = await recording().open()
    const other = await recording().open(
      {},
      { fingerprintKey: new Secret(new Uint8Array(32).fill(8), 'another') },
    )
    const print = audit.fingerprint(new Secret('s3cret', 'token'))
    expect(print).toMatch(/^[0-9a-f]{16}$/)
    expect(audit.fingerprint(new Secret('s3cret', 'another label'))).toBe(print)
    expect(audit.fingerprint(new Secret('s3creu', 'token'))).not.toBe(print)
    expect(other.fingerprint(new Secret('s3cret', 'token'))).not.toBe(print)
  })
})

describe('the key', () => {
  it('puts nothing private into the genesis', async () => {
    const made = recording()
    const publicKey = { ...testKey().publicKey, d: 'private-part' }
    await made.open({}, { publicKey })
    expect(readFileSync(segmentPaths(made.directory)[0]!, 'utf8')).not.toContain('private-part')
  })
})
