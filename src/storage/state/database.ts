import { closeSync, fsyncSync, mkdirSync, openSync, chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { SallyportError } from '../../model/index.ts'
import { migrations } from './schema.ts'

interface Statement {
  get(...values: SQLInputValue[]): ReturnType<StatementSync['get']>
  all(...values: SQLInputValue[]): ReturnType<StatementSync['all']>
  run(...values: SQLInputValue[]): ReturnType<StatementSync['run']>
}

/** An open database with its prepared statements. Every commit is synced to disk before it returns. */
export interface Database {
  /** Running one may throw state_unavailable. */
  statement(sql: string): Statement
  /** Runs the work in one immediate transaction: all of it is durable, or none of it happened. */
  transaction<T>(work: () => T): T
  close(): void
}

/**
 * WAL with `synchronous=FULL`: a commit returns after its fsync (measured with strace: one sync a commit), which is
 * the "quorum" of the single form (revocation protocol, line 2).
 *
 * @throws state_unavailable when the folder cannot be used or the file is from a newer version
 */
export function openDatabase(path: string): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let db: DatabaseSync
  try {
    db = new DatabaseSync(path)
    chmodSync(path, 0o600)
    db.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=2000;',
    )
    migrate(db)
    syncFolder(dirname(path))
  } catch (error) {
    throw new SallyportError(
      'state_unavailable',
      { field: 'data', remedy: 'the data folder must be writable' },
      error,
    )
  }
  const statements = new Map<string, Statement>()
  const statement = (sql: string): Statement => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const prepared = db.prepare(sql)
    const told: Statement = {
      get: (...values) => orUnavailable(() => prepared.get(...values)),
      all: (...values) => orUnavailable(() => prepared.all(...values)),
      run: (...values) => orUnavailable(() => prepared.run(...values)),
    }
    statements.set(sql, told)
    return told
  }
  return {
    statement,
    transaction: (work) => {
      orUnavailable(() => db.exec('BEGIN IMMEDIATE'))
      try {
        const result = work()
        orUnavailable(() => db.exec('COMMIT'))
        return result
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
    close: () => db.close(),
  }
}

/** A disk that is full or broken, a file that is locked: nothing was done, and it may be tried again. */
function orUnavailable<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw error instanceof SallyportError ? error : new SallyportError('state_unavailable', {}, error)
  }
}

function migrate(db: DatabaseSync): void {
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (row.user_version > migrations.length) throw new Error('the state was written by a newer version')
  for (let step = row.user_version; step < migrations.length; step += 1) {
    db.exec(`BEGIN IMMEDIATE; ${migrations[step] ?? ''}; PRAGMA user_version = ${step + 1}; COMMIT;`)
  }
}

/** A file that was made is only there after a crash if its folder was synced too. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Held as long as the process lives; the kernel gives it back however the process ends. */
export interface InstanceLock {
  held(): boolean
  release(): void
}

/**
 * Makes a second instance on the same data folder impossible (design §2). The lock is a file lock on a database of
 * its own, so that `kill -9` leaves nothing behind.
 *
 * @throws state_locked
 */
export function lockInstance(data: string): InstanceLock {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const db = new DatabaseSync(join(data, 'instance.lock'))
  try {
    db.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE;')
  } catch (error) {
    db.close()
    throw new SallyportError(
      'state_locked',
      { field: 'data', remedy: 'stop the other instance, or give this one a data folder of its own' },
      error,
    )
  }
  return { held: () => db.isOpen && db.isTransaction, release: () => db.isOpen && db.close() }
}
