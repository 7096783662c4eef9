import { type Clock, epoch, millis } from '../../src/model/index.ts'

/** A clock that goes only when told. */
export function fakeClock(start = 1_800_000_000): Clock & { advance(seconds: number): void } {
  let now = start
  return {
    now: () => epoch(now),
    monotonic: () => millis(now * 1000),
    advance: (seconds) => {
      now += seconds
    },
  }
}
