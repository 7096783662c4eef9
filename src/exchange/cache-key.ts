import {
  type Access,
  actorKey,
  createNotes,
  type Downstream,
  type InstallationSource,
  joinKey,
  principalKey,
  type Server,
} from '../model/index.ts'
import { registrationOf } from './consents.ts'
import type { Need } from './need.ts'
import type { TokenSource } from './flavours/flavour.ts'
import { targetOf } from './flavours/target.ts'
import type { Ownership } from './owner.ts'

/** Whose the credentials of a source are. */
export function ownershipOf(need: Need): Ownership {
  const { credential: source } = need.downstream
  if (source.kind === 'exchange') return 'session'
  if (source.kind === 'linked') return 'principal'
  return source.kind === 'static' && source.per === 'user' ? 'principal' : 'system'
}

function askedKey(need: Need, source: TokenSource): string {
  const { audience, resource } = targetOf(source, need.downstream)
  return joinKey(source.issuer, source.client.id, audience ?? '', resource ?? '', ...source.scope)
}

function installationKey(source: InstallationSource): string {
  const { issuer, app, installation, repositories, permissions } = source
  const levels = Object.entries(permissions).flat()
  return joinKey(issuer, app, installation, joinKey(...repositories), ...levels)
}

/**
 * What a cached credential is filed under: everything that it was made from, each part preceded by its length, so
 * that no two needs which ask for different things share one. Never a token. The place comes first (tenant, group,
 * server, downstream, origin), then whose it is, then what was asked.
 */
export function cacheKey(need: Need): string {
  const { server, downstream, access } = need
  const { session, actor } = access
  const { credential: source } = downstream
  const place = joinKey(
    session.principal.tenant,
    server.group,
    server.name,
    downstream.name,
    downstream.origin,
  )
  if (source.kind === 'static' || source.kind === 'linked') {
    // One account, but each client has to be agreed to.
    return joinKey('linked', place, principalKey(session.principal), session.client, registrationOf(session))
  }
  if (source.kind === 'client-credentials') return joinKey('system', place, askedKey(need, source))
  if (source.kind === 'github-app') return joinKey('system', place, installationKey(source))
  const whose = joinKey(principalKey(session.principal), session.client, session.sid, actorKey(actor))
  return joinKey(source.refresh ? 'kept' : 'exchange', place, whose, askedKey(need, source))
}

/**
 * The same, made once for each verified token and downstream: making it costs more than looking it up. The values
 * are frozen configuration and verified claims, so their identity stands for their content.
 */
export function rememberedCacheKeys(): (need: Need) => string {
  type Keys = Map<Downstream, { readonly server: Server; readonly key: string }>
  const known = createNotes<Access, Keys>()
  return (need) => {
    const { access, downstream, server } = need
    let keys = known.get(access)
    if (keys === undefined) {
      keys = new Map() as Keys
      known.set(access, keys)
    }
    const present = keys.get(downstream)
    if (present?.server === server) return present.key
    const key = cacheKey(need)
    keys.set(downstream, { server, key })
    return key
  }
}
