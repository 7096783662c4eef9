import { type Clock, type Millis, millis } from '../../model/index.ts'
import { pick } from './json.ts'
import type { VaultAnswer, VaultClient } from './vault-client.ts'
import { VaultFailure } from './vault-transport.ts'

/** Its status does not come through node-vault; its body says the same. */
const healthRequest = { method: 'GET', path: '/sys/health' } as const
/** The active node is looked for again after this long: one that has stepped down still answers, from a copy that lags. */
const rememberedMs = 30_000

/** This node cannot serve now, and another one may (472 and 473: it is of a secondary cluster). */
const cannot = ({ status }: VaultAnswer): boolean => status >= 500 || [429, 472, 473].includes(status)

interface Found {
  readonly node: VaultClient
  readonly until: Millis
}

/**
 * The first that is active. Where none is: one that is sealed, so that it says so itself.
 * @throws VaultFailure where no node answers, or none is active yet
 */
async function findActive(nodes: readonly VaultClient[]): Promise<VaultClient> {
  const found = Promise.withResolvers<VaultClient>()
  const asked = nodes.map(async (node) => {
    const { body } = await node.call(healthRequest)
    const isSealed = pick(body, 'sealed') !== false
    if (!isSealed && pick(body, 'standby') === false) found.resolve(node)
    return { node, isSealed }
  })
  const outcomes = await Promise.race([found.promise, Promise.allSettled(asked)])
  if (!Array.isArray(outcomes)) return outcomes
  const answers = outcomes.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []))
  const [first] = answers
  if (first === undefined) throw outcomes.find((it) => it.status === 'rejected')?.reason
  if (answers.every(({ isSealed }) => isSealed)) return first.node
  throw new VaultFailure('unreachable', 'NO_ACTIVE_NODE')
}

/**
 * The nodes of one cluster as one client. Requests go to the active node; it is looked for at the first, and again
 * when the one that was it fails. A request is not repeated here: it may have been carried out.
 */
export function clusterClient(
  nodes: readonly VaultClient[],
  { clock }: { readonly clock: Clock },
): VaultClient {
  let known: Found | undefined
  let looking: Promise<Found> | undefined

  async function look(): Promise<Found> {
    try {
      const node = await findActive(nodes)
      known = { node, until: millis(clock.monotonic() + rememberedMs) }
      return known
    } finally {
      looking = undefined
    }
  }

  async function active(): Promise<Found> {
    if (known !== undefined && clock.monotonic() < known.until) return known
    looking ??= look()
    return looking
  }

  return {
    async call(request) {
      const found = await active()
      const forget = (): void => {
        if (known === found) known = undefined
      }
      try {
        const answer = await found.node.call(request)
        if (cannot(answer)) forget()
        return answer
      } catch (error) {
        forget()
        throw error
      }
    },
  }
}
