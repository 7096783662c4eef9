import type { Decision, Downstream, Facts } from '../model/index.ts'
import { admission } from './admission.ts'
import { type Bundle, deny } from './bundle.ts'

/** `host:port` of a downstream, the port always written out. */
function placeOf({ origin }: Downstream): string {
  const url = new URL(origin)
  return `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port}`
}

/**
 * Whether a server's principal may have a tunnel to a place. What a tool call may do is operations, and a tunnel is
 * none, so a call token opens none.
 */
export function connect(bundle: Bundle, facts: Facts, place: string): Decision<string> {
  const admitted = admission(bundle, facts, undefined, 'tunnel')
  if (admitted.effect === 'deny') return admitted
  const { server } = admitted
  const rule = `${server.place}.connect`
  if (facts.tool !== undefined) return deny('tool_does_not_use', `${server.place}.tools.${facts.tool}.uses`)
  for (const { downstream } of bundle.downstreams.values()) {
    if (placeOf(downstream) !== place) continue
    const own = server.reachable.includes(downstream.name)
    return deny(own ? 'connect_to_downstream' : 'connect_refused', rule)
  }
  const index = server.server.connect?.indexOf(place) ?? -1
  if (index === -1) return deny('connect_refused', rule)
  return { effect: 'allow', permit: place, reason: 'allowed', rule: `${rule}[${index}]` }
}
