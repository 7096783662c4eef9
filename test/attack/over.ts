import { startWorld, type World, type WorldOptions } from '../egress/world.ts'
import { type Motion, type RawDownstream, startRawDownstream } from '../kit/raw.ts'

/** The HTTP clients that may speak to a downstream: each of these attacks is tried on every one of them. */
export const clients = ['http1', 'undici'] as const

export interface RawWorld {
  readonly world: World
  readonly downstream: RawDownstream
  readonly motion: Motion
  /** `METHOD path` of what was recorded and has not been seen downstream (yet). */
  readonly recorded: string[]
}

/** The egress by one of the clients, with a downstream of raw bytes behind it. */
export async function startRawWorld(
  client: (typeof clients)[number],
  options: Omit<WorldOptions, 'downstreamAt' | 'client'> = {},
): Promise<RawWorld> {
  const motion = { count: 0 }
  const downstream = await startRawDownstream(motion)
  const world = await startWorld({ ...options, client, downstreamAt: downstream.url })
  world.opened = () => void (motion.count += 1)
  return { world, downstream, motion, recorded: [] }
}
