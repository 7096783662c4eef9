import type { Metrics } from './metrics.ts'

/**
 * Readiness (design §3): true once configuration, keys and the log are there, and it stays so. A store or IdP that
 * is away answers per request; it does not empty every Service of the cluster.
 */
export interface Health {
  /** Say that a part needed for the start is there. */
  ready(part: string): void
  /** Say how an outside part is; shown, never part of readiness. */
  observe(part: string, state: 'up' | 'sealed' | 'down'): void
  stopping(): void
  report(): {
    readonly started: boolean
    readonly ready: boolean
    readonly parts: Readonly<Record<string, string>>
  }
}

export function createHealth(required: readonly string[], metrics: Metrics): Health {
  const parts = new Map<string, string>(required.map((part) => [part, 'starting']))
  let stopping = false
  return {
    ready: (part) => {
      parts.set(part, 'ready')
      metrics.ready.set({ part }, 1)
    },
    observe: (part, state) => {
      parts.set(part, state)
      metrics.ready.set({ part }, state === 'up' ? 1 : 0)
    },
    stopping: () => {
      stopping = true
    },
    report: () => {
      const started = required.every((part) => parts.get(part) === 'ready')
      return { started, ready: started && !stopping, parts: Object.fromEntries(parts) }
    },
  }
}
