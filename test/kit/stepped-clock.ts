import { type Clock, epoch, millis } from '../../src/model/index.ts'

/** Both clocks go only when told, together: for what is timed by the monotonic clock without ever waiting. */
export function steppedClock(start = 1_800_000_000): Clock & { advance(seconds: number): void } {
  let now = start
  return {
    now: () => epoch(now),
    monotonic: () => millis((now - start) * 1000),
    advance: (seconds) => {
      now += seconds
    },
  }
}
