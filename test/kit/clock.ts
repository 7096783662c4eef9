import { type Clock, epoch, millis } from '../../src/model/index.ts'

/** Wall time that goes only when told; the monotonic clock is the machine's, since what waits by it really waits. */
export function fakeClock(start = 1_800_000_000): Clock & { advance(seconds: number): void } {
  let now = start
  return {
    now: () => epoch(now),
    monotonic: () => millis(performance.now()),
    advance: (seconds) => {
      now += seconds
    },
  }
}
