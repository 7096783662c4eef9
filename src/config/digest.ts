import { createHash } from 'node:crypto'
import type { Expanded } from './expanded.ts'
import { secretKeys } from './references.ts'

/**
 * SHA-256, hex, over what decides: tenant, environment, who may do what at which downstream with which kind of
 * credential, how often. Where we listen, how long things take and which file holds a secret change nothing in it.
 */
export function policyDigest(config: Expanded): string {
  const { tenant, environment, login, workloads, clients, servers, downstreams, caps, loops } = config
  const { catalog } = config.sign_in
  const decides = {
    tenant,
    environment,
    login,
    workloads,
    clients,
    catalog,
    servers,
    downstreams,
    caps,
    loops,
  }
  const text = canonical({ v: 1, ...decides })
  return createHash('sha256').update(text).digest('hex')
}

/** References to secrets: where one lies does not decide. */
const secret = /^(file:|\$\{)/

/** JSON with sorted keys, so that equal configurations give equal text in whatever order they are written. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(
    ([key, inner]) =>
      inner !== undefined && !(typeof inner === 'string' && secretKeys.has(key) && secret.test(inner)),
  )
  members.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join()}}`
}
