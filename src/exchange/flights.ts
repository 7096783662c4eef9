import { type Gate, SallyportError, type Scope, type Seq, type Work } from '../model/index.ts'
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
  barred: boolean
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
        barred: false,
        still() {
          const barred = gate.check(owner, rev)
          if (barred !== undefined) throw new SallyportError(barred.reason)
          if (flight.barred) throw new SallyportError('cut')
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
        flight.barred = true
        flight.reject(new SallyportError(gate.check(flight.owner, flight.rev)?.reason ?? 'cut'))
        aborted++
      }
      return aborted
    },
  }
}

/** Was the scope of the flight barred meanwhile? */
export function isBarred(flight: Flight): boolean {
  try {
    flight.still()
    return false
  } catch {
    return true
  }
}
