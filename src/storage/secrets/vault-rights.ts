import type { VaultFault } from '../../model/index.ts'
import type { Role } from './backend.ts'
import { isText, type JsonObject, pick } from './json.ts'
import { indexKeyName, kekName, outboxKeyName, type VaultGroup } from './names.ts'
import type { VaultApi } from './vault-api.ts'
import type { VaultOptions } from './vault-options.ts'

/** One path and what each role may do there; whoever is not named may do nothing. As in deploy/openbao/policies. */
interface Right {
  readonly path: string
  readonly roles: Readonly<Partial<Record<Role, readonly string[]>>>
}

const roles: readonly Role[] = ['runtime', 'connecting', 'keeper']
/** Stands for the names of principals, grants and jobs, which are of this form. */
const someone = 'a'.repeat(32)

const all = ['create', 'read', 'update'] as const

/** The table of docs/openbao.md: what the three logins may do in one group, and in the tenant's outbox. */
function rightsOf({ kv, transit }: VaultOptions['mounts'], at: VaultGroup): readonly Right[] {
  const place = `t/${at.tenant}/g/${at.group}`
  const entries = (name: string, runtime: readonly string[]): readonly Right[] => [
    { path: `${kv}/data/${place}/${name}`, roles: { runtime, connecting: all, keeper: all } },
    { path: `${kv}/metadata/${place}/${name}`, roles: { keeper: ['read'] } },
    { path: `${kv}/destroy/${place}/${name}`, roles: { keeper: ['update'] } },
  ]
  const transits = (action: string, role: Role): Right => ({
    path: `${transit}/${action}`,
    roles: { [role]: ['update'] },
  })
  const known = (key: string): Right => ({ path: `${transit}/keys/${key}`, roles: { runtime: ['read'] } })
  const [kek, idx, out] = [kekName(at), indexKeyName(at), outboxKeyName(at.tenant)]
  return [
    ...entries(`grants/${someone}/${someone}`, ['read', 'update']),
    ...entries(`keys/${someone}`, ['read']),
    transits(`encrypt/${kek}`, 'connecting'),
    transits(`decrypt/${kek}`, 'runtime'),
    transits(`hmac/${idx}/sha2-256`, 'runtime'),
    known(kek),
    known(idx),
    known(out),
    { path: `${kv}/data/t/${at.tenant}/outbox/${someone}`, roles: { runtime: ['create'], keeper: all } },
    { path: `${kv}/metadata/t/${at.tenant}/outbox/${someone}`, roles: { keeper: ['read'] } },
    { path: `${kv}/destroy/t/${at.tenant}/outbox/${someone}`, roles: { keeper: ['update'] } },
    transits(`encrypt/${out}`, 'runtime'),
    transits(`decrypt/${out}`, 'keeper'),
  ]
}

/** Rights by path, or undefined where the login may not ask. A login with `root` may do everything. */
async function heldBy(api: VaultApi, paths: readonly string[]): Promise<JsonObject | undefined> {
  const request = { method: 'POST', path: '/sys/capabilities-self', body: { paths } } as const
  // 403: the `default` policy, which permits the question, was taken from the login.
  const answer = await api.request(request).catch(() => undefined)
  const data = pick(answer?.body, 'data') ?? answer?.body
  return answer?.status === 200 && typeof data === 'object' ? (data as JsonObject) : undefined
}

function compare(
  role: Role,
  { roles: allowed }: Right,
  held: readonly string[],
): readonly { readonly missing: boolean; readonly right: string }[] {
  const wanted = allowed[role] ?? []
  const has = (right: string): boolean => held.includes(right) || held.includes('root')
  const missing = wanted.filter((right) => !has(right)).map((right) => ({ missing: true, right }))
  const surplus = held
    .filter((right) => right !== 'deny' && !wanted.includes(right))
    .map((right) => ({ missing: false, right: right === 'root' ? 'do anything at' : right }))
  return [...missing, ...surplus]
}

/**
 * What each login may do, asked of the server itself, beside what it needs. Nothing is tried, so nothing is left
 * behind. What is missing comes before what is too much.
 */
export async function lookAtRights(
  apis: Readonly<Record<Role, VaultApi>>,
  mounts: VaultOptions['mounts'],
  groups: readonly VaultGroup[],
): Promise<readonly VaultFault[]> {
  const faults: VaultFault[] = []
  for (const role of roles) {
    for (const at of groups) {
      const rights = rightsOf(mounts, at)
      const held = await heldBy(
        apis[role],
        rights.map(({ path }) => path),
      )
      if (held === undefined) {
        faults.push({ kind: 'rights-unknown', role })
        break
      }
      for (const right of rights) {
        const list = held[right.path]
        const may = Array.isArray(list) ? list.filter(isText) : []
        const { group } = at
        const path = right.path.replaceAll(someone, '+')
        for (const fault of compare(role, right, may))
          faults.push({ kind: 'right', role, path, group, ...fault })
      }
    }
  }
  const missing = (fault: VaultFault): boolean => fault.kind === 'right' && fault.missing
  return [...faults.filter(missing), ...faults.filter((fault) => !missing(fault))]
}
