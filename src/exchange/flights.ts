import {
  type Barred,
  type ErrorCode,
  type Gate,
  SallyportError,
  type Scope,
  type Seq,
  type Work,
} from '../model/index.ts'
import { reaches } from './owner.ts'

/** For whom and as of which log position something is under way. */
export interface Flight {
  readonly owner: Work
  readonly rev: Seq
  /**
   * Asked after every wait: throws once the scope was barred while the flight was under way, so that nothing which
   * began before a cut is used, cached or kept after it. @throws cut, held, switched_off, lease_lapsed
   */
  still(): void
}

interface Open<T> extends Flight {
  barred: Barred['reason'] | undefined
  readonly promise: Promise<T>
  readonly reject: (error: SallyportError) => void
}

/** At most one thing under way per key; everyone who asks meanwhile gets the same outcome. */
export interface Flights<T> {
  join(key: string): Promise<T> | undefined
  start(key: string, flight: Omit<Flight, 'still'>, run: (flight: Flight) => Promise<T>): Promise<T>
  /**
   * Refuse everyone who waits on a flight of the scope, at once. The flight itself runs to its end, because only
   * the end tells whether the provider handed out something that must be given back there.
   */
  bar(scope: Scope): number
}

export function createFlights<T>(gate: Gate): Flights<T> {
  const open = new Map<string, Open<T>>()

  return {
    join: (key) => open.get(key)?.promise,
    start(key, { owner, rev }, run) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const flight: Open<T> = {
        owner,
        rev,
        promise,
        reject,
        barred: undefined,
        still() {
          const reason = gate.check(owner, rev)?.reason ?? flight.barred
          if (reason !== undefined) throw new SallyportError(reason)
        },
      }
      open.set(key, flight)
      const close = (): void => {
        if (open.get(key) === flight) open.delete(key)
      }
      run(flight).then(
        (value) => {
          close()
          resolve(value)
        },
        (error: unknown) => {
          close()
          reject(error)
        },
      )
      return promise
    },
    bar(scope) {
      let aborted = 0
      for (const [key, flight] of open) {
        if (!reaches(scope, flight.owner)) continue
        open.delete(key)
        flight.barred = gate.check(flight.owner, flight.rev)?.reason ?? 'cut'
        flight.reject(new SallyportError(flight.barred))
        aborted++
      }
      return aborted
    },
  }
}

/** Why the flight may not go on; undefined where it may. */
export function barredBy(flight: Flight): ErrorCode | undefined {
  try {
    flight.still()
    return undefined
  } catch (error) {
    return error instanceof SallyportError ? error.code : 'cut'
  }
}

/** Was the scope of the flight barred meanwhile? */
export function isBarred(flight: Flight): boolean {
  return barredBy(flight) !== undefined
}
