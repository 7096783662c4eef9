import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'

/** What the writer asks of a file system; one for real, one in the tests that counts and fails. */
export interface RecordFs {
  /** Open a new file for appending, for its owner only; it must not exist. */
  create(path: string): number
  /** Returns how many bytes were taken, which may be fewer than asked. */
  write(fd: number, bytes: Uint8Array, offset: number, length: number): number
  /** fdatasync(2) without holding the event loop. */
  sync(fd: number, done: (error: Error | null) => void): void
  syncNow(fd: number): void
  truncate(fd: number, size: number): void
  close(fd: number): void
  rename(from: string, to: string): void
  unlink(path: string): void
  /** Make creations, renames and deletions in the directory durable. */
  syncDirectory(path: string): void
}

export const nodeFs: RecordFs = {
  create: (path) => openSync(path, 'ax', 0o600),
  write: (fd, bytes, offset, length) => writeSync(fd, bytes, offset, length),
  sync: (fd, done) => fdatasync(fd, done),
  syncNow: (fd) => fdatasyncSync(fd),
  truncate: (fd, size) => ftruncateSync(fd, size),
  close: (fd) => closeSync(fd),
  rename: (from, to) => renameSync(from, to),
  unlink: (path) => unlinkSync(path),
  syncDirectory: (path) => {
    const fd = openSync(path, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  },
}
