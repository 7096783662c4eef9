/** One pending action at a time; keeps no process alive. */
export interface Timer {
  after(delayMs: number, act: () => void): void
  stop(): void
}

/** `setTimeout` takes 2^31-1 ms at most and fires at once beyond it: a day is far enough for any renewal. */
const longest = 24 * 60 * 60 * 1000

export function createTimer(): Timer {
  let pending: NodeJS.Timeout | undefined
  let stopped = false
  return {
    after(delayMs, act) {
      clearTimeout(pending)
      if (stopped) return
      pending = setTimeout(act, Math.min(longest, delayMs))
      pending.unref()
    },
    stop() {
      stopped = true
      clearTimeout(pending)
    },
  }
}
