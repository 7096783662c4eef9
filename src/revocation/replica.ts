import type { Gate, Seconds } from '../model/index.ts'
import { createGate, type Lease } from './gate.ts'
import { createLiveRegistry, type LiveRegistry } from './live.ts'
import { createLogView, type LogView } from './view.ts'

/**
 * What one process holds of the log and of its own live work. Made first, because everything that mints, acquires
 * or injects asks its gate; `createRevocations` then feeds it.
 */
export interface Replica {
  readonly view: LogView
  readonly live: LiveRegistry
  readonly gate: Gate
  readonly lease: Lease
}

export function createReplica(
  options: { readonly tenant: string; readonly skew: Seconds },
  deps: { readonly lease: Lease },
): Replica {
  const view = createLogView(options)
  return { view, live: createLiveRegistry(), gate: createGate(view, deps.lease), lease: deps.lease }
}
