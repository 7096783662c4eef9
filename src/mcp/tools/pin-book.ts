import type { ToolPin } from '../../model/index.ts'
import type { Pins } from '../../storage/index.ts'

/** The pins in memory, for decisions, and what of them the store does not have yet. */
export interface PinBook {
  get(server: string, tool: string): ToolPin | undefined
  all(): readonly ToolPin[]
  /** How many tools of a server there are. */
  count(server: string): number
  set(pin: ToolPin): void
  /** Writes what was set since; what cannot be written waits for the next time. @throws state_unavailable */
  write(): Promise<void>
}

const keyOf = (server: string, tool: string): string => `${server} ${tool}`

export async function openPinBook(tenant: string, store: Pins): Promise<PinBook> {
  const pins = new Map<string, ToolPin>()
  const counts = new Map<string, number>()
  const waiting = new Set<string>()
  const keep = (pin: ToolPin): string => {
    const key = keyOf(pin.server, pin.tool)
    if (!pins.has(key)) counts.set(pin.server, (counts.get(pin.server) ?? 0) + 1)
    pins.set(key, pin)
    return key
  }
  for (const pin of await store.list(tenant)) keep(pin)
  return {
    get: (server, tool) => pins.get(keyOf(server, tool)),
    all: () => [...pins].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pin]) => pin),
    count: (server) => counts.get(server) ?? 0,
    set: (pin) => void waiting.add(keep(pin)),
    write: async () => {
      const keys = [...waiting]
      if (keys.length === 0) return
      waiting.clear()
      try {
        await store.put(keys.flatMap((key) => pins.get(key) ?? []))
      } catch (error) {
        for (const key of keys) waiting.add(key)
        throw error
      }
    },
  }
}
