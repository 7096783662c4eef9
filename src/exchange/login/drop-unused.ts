import type { Connection, Session } from '../../model/index.ts'
import type { GiveBack } from '../give-back.ts'
import type { KeepConnectionDeps } from '../keep-connection.ts'
import { connectionId } from '../place.ts'
import type { Registration } from '../registration.ts'
import { loginPlace } from './place.ts'

export interface DropDeps extends KeepConnectionDeps {
  readonly login: Registration | undefined
  readonly giveBack: GiveBack
}

/** As long as a browser may be somebody's after a sign-in, and as much again: until then clients may still come by it. In seconds. */
const spared = 7_200

/**
 * Forget the login connections of a tenant that no sign-in of a client stands on any more, and revoke them at the issuer.
 * One that cannot be dropped now is dropped the next time.
 */
export async function dropUnusedLogins(
  tenant: string,
  inUse: readonly Session[],
  deps: DropDeps,
): Promise<void> {
  const used = new Set(inUse.map((session) => connectionId(loginPlace(session))))
  const isOld = ({ createdAt }: Connection): boolean => createdAt + spared < deps.clock.now()
  for (const row of await deps.connections.list(tenant, undefined)) {
    if (row.kind !== 'login' || row.status !== 'active' || used.has(row.id) || !isOld(row)) continue
    try {
      await deps.turns(row.id, async () => {
        const now = await deps.connections.get(tenant, row.id)
        // The same person may have signed in meanwhile.
        if (now?.status === 'active' && isOld(now)) await drop(now, deps)
      })
    } catch (error) {
      deps.log.warn('a login connection that nobody needs is still there', { connection: row.id }, error)
    }
  }
}

async function drop({ id, place, rev }: Connection, deps: DropDeps): Promise<void> {
  const stored = await deps.secrets.read(place)
  // Not newer than the row: whoever signs in afterwards has not been cut by this.
  const tomb = { at: deps.clock.now(), rev, cause: 'no client needs it any more' }
  await deps.secrets.destroy(place, tomb)
  await deps.connections.markDestroyed(place.tenant, id, tomb)
  const token = stored?.grant?.rt
  if (token !== undefined && deps.login !== undefined) deps.giveBack({ place, at: deps.login }, { rt: token })
}
