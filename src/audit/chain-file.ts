import { LineBuffer } from './line-buffer.ts'
import { type ChainIdentity, hashLine, makeLine, segmentBody, type Tip } from './lines.ts'
import type { RecordFs } from './record-fs.ts'
import { createSegment, giveUp, segmentPath } from './segments.ts'

interface Segment {
  readonly fd: number
  readonly number: number
  size: number
  syncing: boolean
  retired: boolean
}

export interface ChainFileDeps {
  readonly fs: RecordFs
  readonly directory: string
  readonly identity: ChainIdentity
  readonly iso: (ms: number) => string
}

/** A line to be, without number and hash. */
export interface Unwritten {
  readonly body: string
  readonly atMs: number
}

/** Up to where the disk has the chain. */
export interface Synced {
  readonly n: number
  readonly mark: number
}

/**
 * The file that a chain is being written to, and the chain's tip. The tip moves only when all bytes are with the
 * kernel. Policy (when to sync, what to do on failure) is the caller's.
 */
export class ChainFile {
  readonly #deps: ChainFileDeps
  readonly #buffer = new LineBuffer()
  #segment: Segment
  #tip: Tip

  constructor(start: { fd: number; size: number; tip: Tip }, deps: ChainFileDeps) {
    this.#segment = { fd: start.fd, number: 1, size: start.size, syncing: false, retired: false }
    this.#tip = start.tip
    this.#deps = deps
  }

  get tip(): Tip {
    return this.#tip
  }

  get number(): number {
    return this.#segment.number
  }

  get size(): number {
    return this.#segment.size
  }

  get unsynced(): number {
    return this.#buffer.unsynced
  }

  get syncing(): boolean {
    return this.#segment.syncing
  }

  /** Write the lines, all or none of which count. @throws what the file system throws */
  write(lines: readonly Unwritten[]): void {
    let { n, hash } = this.#tip
    for (const { body, atMs } of lines) {
      n += 1
      const line = makeLine(n, this.#deps.iso(atMs), hash, body)
      hash = hashLine(line)
      this.#buffer.add(line)
    }
    const { fd } = this.#segment
    this.#segment.size += this.#buffer.writeOut((bytes, at, length) =>
      this.#deps.fs.write(fd, bytes, at, length),
    )
    this.#tip = { n, hash }
  }

  /** Forget what a failed `write` began, here and, if that can be done, in the file. */
  undo(): void {
    this.#buffer.discard()
    giveUp(() => this.#deps.fs.truncate(this.#segment.fd, this.#segment.size))
  }

  /** Ask for the disk. `done` is not called if the segment is left meanwhile. */
  sync(done: (upTo: Synced, error: Error | null) => void): void {
    const segment = this.#segment
    const upTo = { n: this.#tip.n, mark: this.#buffer.mark() }
    segment.syncing = true
    this.#deps.fs.sync(segment.fd, (error) => {
      segment.syncing = false
      if (segment.retired) giveUp(() => this.#deps.fs.close(segment.fd))
      else done(upTo, error)
    })
  }

  /** Ask for the disk and wait, holding the event loop. */
  syncNow(): Synced {
    this.#deps.fs.syncNow(this.#segment.fd)
    return { n: this.#tip.n, mark: this.#buffer.mark() }
  }

  /** The disk has this much: it need not be kept for the next segment. */
  synced(upTo: Synced): void {
    this.#buffer.synced(upTo.mark)
  }

  /**
   * Go on in a new segment. It begins with what the disk may not have of the old one, whose copy is then cut off
   * where that can be done. When this returns, the disk has all of it. @throws what the file system throws
   */
  next(reason: 'full' | 'write_failed', lost: number, atMs: number): Synced {
    const { fs, directory, identity, iso } = this.#deps
    const old = this.#segment
    const number = old.number + 1
    const n = this.#tip.n + 1
    const line = makeLine(
      n,
      iso(atMs),
      this.#tip.hash,
      segmentBody({ ...identity, segment: number, reason, lost }),
    )
    const bytes = Buffer.concat([this.#buffer.unsyncedBytes(), Buffer.from(`${line}\n`)])
    const fd = createSegment(fs, directory, segmentPath(directory, identity.chain, number), bytes)
    if (reason === 'write_failed') giveUp(() => fs.truncate(old.fd, old.size - this.#buffer.unsynced))
    this.retire()
    this.#segment = { fd, number, size: bytes.length, syncing: false, retired: false }
    this.#tip = { n, hash: hashLine(line) }
    const upTo = { n, mark: this.#buffer.mark() }
    this.#buffer.synced(upTo.mark)
    return upTo
  }

  /** Close the file, once no fdatasync(2) is under way on it. */
  retire(): void {
    this.#segment.retired = true
    if (!this.#segment.syncing) giveUp(() => this.#deps.fs.close(this.#segment.fd))
  }
}
