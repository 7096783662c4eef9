import { randomUUID } from 'node:crypto'
import type { BaoAddress } from '../../kit/parts.ts'
import { setUpTenant } from '../../storage/secrets/openbao.ts'
import type { PlainLogin } from './orders.ts'
import type { Store } from './team.ts'

/** A place of its own in an OpenBao, for one team. */
export async function storeAt(at: BaoAddress): Promise<Omit<Store, 'address' | 'nodes'>> {
  const group = 'crm'
  const name = `team-${randomUUID().slice(0, 8)}`
  const { mounts, logins, tenant } = await setUpTenant(at, { groups: [group], name })
  const plain = (login: keyof typeof logins): PlainLogin => {
    const { role = '', secret, mount } = logins[login]
    return { role, secret: secret?.reveal() ?? '', mount }
  }
  const [runtime, connecting, keeper] = [plain('runtime'), plain('connecting'), plain('keeper')]
  return { tenant, group, mounts, logins: { runtime, connecting, keeper } }
}
