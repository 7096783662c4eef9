import { existsSync, readFileSync } from 'node:fs'
import type { LogHead } from '../../model/index.ts'
import { writeDurably } from '../write-durably.ts'
import type { LogStore } from './state.ts'

/**
 * Keeps the log's head in a file beside the database, so that a database restored from a backup is noticed at the
 * start (revocation protocol, line 14). Restoring the file with it defeats this; the `--restored` flag says it then.
 */
export function witnessed(log: LogStore, path: string, failed: (error: unknown) => void): LogStore {
  // The entry is durable by now. A witness that lags sees less, but an entry that is denied would not be applied.
  const write = async () => {
    try {
      writeDurably(path, JSON.stringify(await log.head()))
    } catch (error) {
      failed(error)
    }
  }
  return {
    ...log,
    append: async (entry) => {
      const appended = await log.append(entry)
      await write()
      return appended
    },
    openEpoch: async (epoch) => {
      await log.openEpoch(epoch)
      await write()
    },
  }
}

/** Whether the log is at least where its witness saw it, on the same chain. */
export async function agreesWithWitness(log: LogStore, path: string): Promise<boolean> {
  if (!existsSync(path)) return true
  const seen = JSON.parse(readFileSync(path, 'utf8')) as LogHead
  if (seen.seq === 0) return true
  const [entry] = await log.after(seen.seq - 1, 1)
  return entry !== undefined && entry.seq === seen.seq && entry.hash === seen.hash
}
