import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type AuditDeps, type AuditOptions, openAudit, type OpenAudit } from '../../src/audit/index.ts'
import type { PublicKeyJwk } from '../../src/audit/keys.ts'
import { nodeFs, type RecordFs } from '../../src/audit/record-fs.ts'
import { listSegments } from '../../src/audit/segments.ts'
import { millis, Secret } from '../../src/model/index.ts'
import type { Anchors } from '../../src/storage/index.ts'
import { quietLog } from '../kit/quiet.ts'
import type { Anchor } from './events.ts'

export { alice, type Anchor, intent, outcome } from './events.ts'

export interface TestKey {
  readonly sign: (bytes: Uint8Array) => Uint8Array
  readonly publicKey: PublicKeyJwk
}

export function testKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { kty = '', crv = '', x = '' } = publicKey.export({ format: 'jwk' })
  return { sign: (bytes) => sign(null, bytes, privateKey), publicKey: { kty, crv, x } }
}

function memoryAnchors(): Anchors & { readonly all: Map<string, Anchor> } {
  const all = new Map<string, Anchor>()
  return {
    all,
    put: async (anchor) => void all.set(anchor.chain, anchor),
    list: async () => [...all.values()],
  }
}

export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-record-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface Recording {
  readonly directory: string
  readonly key: TestKey
  readonly anchors: ReturnType<typeof memoryAnchors>
  open(options?: Partial<AuditOptions>, deps?: Partial<AuditDeps>): Promise<OpenAudit>
}

/** A directory of records with its key and anchors; each `open` is a process start. */
export function recording(): Recording {
  const directory = join(scratch(), 'records')
  const key = testKey()
  const anchors = memoryAnchors()
  return {
    directory,
    key,
    anchors,
    open: (options = {}, deps = {}) =>
      openAudit(
        { directory, reads: 'handed', anchorEverySeconds: 0, ...options },
        {
          clock: { monotonic: () => millis(performance.now()) },
          nowMs: () => Date.now(),
          random: randomBytes,
          sign: key.sign,
          publicKey: key.publicKey,
          fingerprintKey: new Secret(new Uint8Array(32).fill(7), 'fingerprint key'),
          anchors,
          log: quietLog,
          ...deps,
        },
      ),
  }
}

/** A file system that counts, fails when told to, and lets a test hold an fdatasync(2). */
export function countingFs() {
  const counts = { writes: 0, syncs: 0, syncNows: 0 }
  const failing: { write?: Error; sync?: Error; create?: Error; truncate?: Error; takeBefore?: number } = {}
  const held: (() => void)[] = []
  const hold = { on: false }
  const fs: RecordFs = {
    ...nodeFs,
    create: (path) => {
      if (failing.create !== undefined) throw failing.create
      return nodeFs.create(path)
    },
    write: (fd, bytes, offset, length) => {
      counts.writes += 1
      if (failing.takeBefore !== undefined) {
        const taken = Math.min(failing.takeBefore, length)
        delete failing.takeBefore
        if (taken > 0) return nodeFs.write(fd, bytes, offset, taken)
      }
      if (failing.write !== undefined) throw failing.write
      return nodeFs.write(fd, bytes, offset, length)
    },
    sync: (fd, done) => {
      counts.syncs += 1
      const go = () => (failing.sync === undefined ? nodeFs.sync(fd, done) : done(failing.sync))
      if (hold.on) held.push(go)
      else go()
    },
    syncNow: (fd) => {
      counts.syncNows += 1
      if (failing.sync !== undefined) throw failing.sync
      nodeFs.syncNow(fd)
    },
    truncate: (fd, size) => {
      if (failing.truncate !== undefined) throw failing.truncate
      nodeFs.truncate(fd, size)
    },
  }
  return { fs, counts, failing, hold, release: () => held.splice(0).forEach((go) => go()) }
}

export const noSpace = Object.assign(new Error('no space'), { code: 'ENOSPC' })

export function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

export function writeLines(path: string, lines: readonly string[]): void {
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
}

export function segmentPaths(directory: string): string[] {
  return listSegments(directory).map(({ path }) => path)
}

/** Everything recorded, in order, as objects. */
export function allLines(directory: string): Record<string, unknown>[] {
  return segmentPaths(directory).flatMap((path) => linesOf(path).map((line) => JSON.parse(line)))
}

export function copyOf(directory: string): string {
  const copy = join(scratch(), 'records')
  cpSync(directory, copy, { recursive: true })
  return copy
}

export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
