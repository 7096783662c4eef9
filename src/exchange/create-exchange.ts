import type { Credential, Scope } from '../model/index.ts'
import { createTurns } from '../storage/index.ts'
import { type AcquireDeps, acquire, connectionKey } from './acquire.ts'
import { type AuthorizationServers, createAuthorizationServers } from './authorization-server.ts'
import { createBackoff } from './backoff.ts'
import { rememberedCacheKeys } from './cache-key.ts'
import { createClaimsChallenges } from './claims-challenges.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { createLinking, type LinkingDeps } from './connect/linking.ts'
import { createRegistrations } from './connect/registrations.ts'
import { connectStatic } from './connected.ts'
import { createCredentialCache } from './credential-cache.ts'
import type { ExchangeDeps, ExchangeSlice } from './deps.ts'
import type { Exchange } from './exchange.ts'
import { createFlights } from './flights.ts'
import { createGiveBack } from './give-back.ts'
import { createGrantRequests } from './grant-request.ts'
import { type DropDeps, dropUnusedLogins } from './login/drop-unused.ts'
import { createLogins, type Logins } from './login/logins.ts'
import { settlePending } from './pending.ts'
import { createRefresher } from './refresh.ts'
import type { Registration } from './registration.ts'
import { createRefusals } from './refusals.ts'
import { revokeAtProvider } from './revoke-at-provider.ts'
import { createHandedSubjects, type HandedSubjects, subjectsOf } from './subject-source.ts'

/** How often what has expired is forgotten, in milliseconds. */
const sweepEvery = 5_000

function assemble(deps: ExchangeDeps, servers: AuthorizationServers, login: Registration | undefined) {
  const requestToken = createGrantRequests(servers, deps)
  const registrations = createRegistrations({
    ...deps.introduction,
    fetch: boundedFetch(deps.fetch),
    servers,
    clock: deps.clock,
  })
  const giveBack = createGiveBack({ ...deps, servers })
  const cache = createCredentialCache()
  const turns = createTurns()
  const refresher = createRefresher({ ...deps, giveBack, backoff: createBackoff(deps) })
  const handed = createHandedSubjects(deps)
  const logins = createLogins({ ...deps, login, turns, refresher, requestToken })
  return {
    ...deps,
    login,
    handed,
    logins,
    requestToken,
    giveBack,
    registrations,
    servers,
    url: deps.introduction.url,
    cache,
    keyOf: rememberedCacheKeys(),
    challenges: createClaimsChallenges(deps),
    subjects: subjectsOf({ handed, login: logins }),
    flights: createFlights<Credential>(deps.gate),
    refusals: createRefusals({ clock: deps.clock, cache }),
    refresher,
    fixed: new WeakMap(),
    turns,
  } satisfies AcquireDeps & LinkingDeps & DropDeps & { logins: Logins; handed: HandedSubjects }
}

/** Data keys go with a person or the tenant; those of others stay, or a cut of a server would lock them out. */
function forgetKeys(scope: Scope, secrets: ExchangeDeps['secrets']): void {
  if (scope.kind === 'user') secrets.forget(scope.principal)
  if (scope.kind === 'tenant') secrets.forget()
}

/** Put the room together. `close` ends its timer and forgets everything. */
export function createExchange(slice: ExchangeSlice, deps: ExchangeDeps): Exchange {
  const servers = createAuthorizationServers(deps)
  const parts = assemble(deps, servers, slice.login)
  const { cache, keyOf, handed, logins, flights, refusals, refresher } = parts
  const timer = setInterval(() => {
    handed.sweep()
    cache.sweep(deps.clock.now())
    refusals.sweep()
  }, sweepEvery)
  timer.unref()

  return {
    acquire: (need) => acquire(need, parts),
    refused(need, credential, claims) {
      parts.challenges.note(need, claims)
      // It may have moved to another authorization server.
      parts.registrations.forget(need.downstream)
      refusals.refused(keyOf(need), credential)
      const { connection } = credential
      if (connection !== undefined) refusals.refused(connectionKey(need, connection), credential)
    },
    async wants({ access }, { connection }, scopes) {
      const { tenant } = access.session.principal
      if (connection !== undefined) await deps.connections.want(tenant, connection, scopes)
    },
    hand: handed.hand,
    keepLogin: logins.keep,
    checkLogin: logins.check,
    dropUnusedLogins: (tenant, inUse) => dropUnusedLogins(tenant, inUse, parts),
    async connect(input) {
      const connection = await connectStatic(input, parts)
      cache.bar({ kind: 'connection', tenant: connection.place.tenant, connection: connection.id })
      return connection
    },
    linking: createLinking(parts),
    settlePending: (tenant) => settlePending(tenant, parts),
    bar(scope) {
      const barred = [flights, cache, handed, logins, refresher].map((each) => each.bar(scope))
      forgetKeys(scope, deps.secrets)
      return barred.reduce((sum, dropped) => sum + dropped, 0)
    },
    revokeAtProvider: (place, token) => revokeAtProvider(place, token, { ...parts, slice }),
    async close() {
      clearInterval(timer)
      await refresher.close()
      handed.clear()
      cache.clear()
    },
  }
}
