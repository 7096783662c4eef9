import { readFileSync } from 'node:fs'
import { startTeam, type Store, type Team } from '../../test/real/refresh/team.ts'
import type { Bench, Row, Sample } from '../bench.ts'
import { atMost, medianOf } from '../figures.ts'
import type { Vault } from '../vault.ts'

interface Storm {
  readonly name: string
  readonly processes: number
}

const calls = 600
const alone: Storm = { name: 'one process', processes: 1 }
const three: Storm = { name: 'three processes', processes: 3 }

/**
 * Calls that all need one grant at the moment at which it has ended, in processes that share OpenBao and an
 * authorization server that honours each refresh token once. Any error fails the run.
 */
export const refreshStorm: Row<Storm> = {
  name: 'refresh-storm',
  about: `${calls} calls at the moment a grant ends`,
  quick: false,
  rounds: 3,
  contenders: [alone, three],
  sample: measured,
  targets: (samples) => {
    const of = (figure: string) => medianOf(samples, three.name, figure)
    return [
      atMost(`refresh-storm: token requests for ${calls} calls`, of('tokenRequests'), [1, 1]),
      atMost(`refresh-storm: requests to OpenBao for ${calls} calls`, of('storeRequests'), [60, 30]),
    ]
  },
}

function storeOf({ address, logins }: Vault): Store {
  const login = (name: keyof typeof logins) => {
    const { role_id: role, secret_id_file: file } = logins[name]
    return { role, secret: readFileSync(file, 'utf8'), mount: 'approle' }
  }
  return {
    ...{ address, tenant: 'default', group: 'main', mounts: { kv: 'sp-kv', transit: 'sp-transit' } },
    logins: { runtime: login('runtime'), connecting: login('connecting'), keeper: login('keeper') },
  }
}

async function measured({ processes }: Storm, bench: Bench): Promise<Sample> {
  const team = await startTeam(storeOf(await bench.vault()), processes)
  try {
    await storm(team, 'warm-up', processes)
    return await storm(team, 'alice', processes)
  } finally {
    await team.stop()
  }
}

async function storm(team: Team, subject: string, processes: number): Promise<Sample> {
  const asked = () => team.members.reduce((sum, { proxy }) => sum + (proxy?.requests ?? 0), 0)
  await team.expired(subject)
  const before = asked()
  const startedAt = performance.now()
  const { tokens, codes } = await team.storm(subject, calls / processes)
  const milliseconds = performance.now() - startedAt
  if (Object.keys(codes).length > 0 || Object.keys(tokens).length !== 1)
    throw new Error(`not everybody was served: ${JSON.stringify(codes)}`)
  return { tokenRequests: team.as.refreshes(subject), storeRequests: asked() - before, milliseconds }
}
