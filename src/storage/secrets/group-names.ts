import { type GrantPlace, type Principal, SallyportError } from '../../model/index.ts'
import type { Backend } from './backend.ts'
import type { Owner } from './data-keys.ts'
import { grantName, principalName, slug, type VaultGroup } from './names.ts'

/** Names as keyed hashes. Each group's index key is asked for once and kept. */
export interface Names {
  owner(at: VaultGroup, principal: Principal): Promise<Owner>
  grant(place: GrantPlace): Promise<{ readonly owner: Owner; readonly gid: string }>
  forget(): void
}

export function createNames(backend: Backend): Names {
  const held = new Map<string, Promise<Buffer>>()

  function indexKey(at: VaultGroup): Promise<Buffer> {
    const name = `${slug(at.tenant, 'tenant')}.${slug(at.group, 'group')}`
    const known = held.get(name)
    if (known !== undefined) return known
    const asked = backend.indexKey(at)
    held.set(name, asked)
    asked.catch(() => held.delete(name))
    return asked
  }

  const ownerBy = (key: Buffer, at: VaultGroup, principal: Principal): Owner => ({
    tenant: at.tenant,
    group: at.group,
    uh: principalName(key, principal),
    principal,
  })

  function sameTenant(at: VaultGroup, principal: Principal): void {
    if (principal.tenant !== at.tenant) throw new SallyportError('secrets_denied')
  }

  return {
    async owner(at, principal) {
      sameTenant(at, principal)
      return ownerBy(await indexKey(at), at, principal)
    },
    async grant(place) {
      sameTenant(place, place.principal)
      const key = await indexKey(place)
      return { owner: ownerBy(key, place, place.principal), gid: grantName(key, place) }
    },
    forget() {
      for (const asked of held.values()) asked.then((key) => key.fill(0)).catch(() => undefined)
      held.clear()
    },
  }
}
