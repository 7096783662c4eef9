/** The gateway among the other rooms: what it is made of, and what it asks them. */
import { randomUUID } from 'node:crypto'
import type { Audit } from './audit/index.ts'
import type { Config } from './config/index.ts'
import type { Dial } from './egress/index.ts'
import type { Exchange } from './exchange/index.ts'
import type { OpenIdentity } from './identity/index.ts'
import { createDigest, createGateway, type Definitions, type Gateway, type GatewayDeps } from './mcp/index.ts'
import {
  type Access,
  asSallyportError,
  type Clock,
  type Downstream,
  epoch,
  type Gate,
  isPersonal,
  leadsToPage,
  type Server,
} from './model/index.ts'
import { createBudgets, type Policy } from './policy/index.ts'
import type { Replica } from './revocation/index.ts'
import type { Stdio } from './stdio/index.ts'
import { createSeal, type Keyring } from './storage/index.ts'
import type { Log, Metrics } from './telemetry/index.ts'

interface GatewayParts {
  readonly config: Config
  readonly replica: Replica
  readonly serverDial: Dial
  readonly stdio: Stdio | undefined
  readonly keyring: Keyring
  readonly identity: OpenIdentity
  readonly exchange: Exchange
  readonly connectUrl: GatewayDeps['connectUrl']
  readonly policy: Policy
  readonly definitions: Definitions
  readonly audit: Audit
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

/** The gateway of one process. `hosts` is filled in when it listens. */
export function openGateway(parts: GatewayParts, hosts: readonly string[]): Gateway {
  const { config, replica, serverDial, keyring, identity, exchange, clock, random } = parts
  const { headersTimeout, idleTimeout, call, requests, ...limits } = config.limits
  return createGateway(
    {
      hosts,
      origins: [],
      servers: config.servers,
      // In direct mode the IdP itself issues the tokens of clients.
      issuer: config.login.mode === 'broker' ? config.url : config.login.issuer,
      ...limits,
      callMs: call * 1000,
      stallMs: headersTimeout * 1000,
      idleMs: idleTimeout * 1000,
      maxRequests: requests,
    },
    {
      ...parts,
      anonymous: createAnonymous(config, identity, clock),
      budgets: createBudgets(config.budgets, clock),
      gate: replica.gate,
      live: replica.live,
      endCall: replica.live.abortCall,
      transport: serverDial.transport,
      missing: missingFor(exchange, replica.gate),
      seal: createSeal(keyring.derive('request states'), random),
      digest: createDigest(keyring.derive('call parameters')),
      newRequestId: randomUUID,
      newCallId: randomUUID,
    },
  )
}

/** A person's own account has to be there before a call begins; whatever else is wrong with it, the call will be told. */
function missingFor(exchange: Pick<Exchange, 'acquire'>, gate: Gate): GatewayDeps['missing'] {
  return async (access, server, uses) => {
    const missing: Downstream[] = []
    for (const downstream of uses) {
      if (!isPersonal(downstream)) continue
      try {
        await exchange.acquire({ access, server, downstream, rev: gate.applied })
      } catch (error) {
        if (leadsToPage(asSallyportError(error))) missing.push(downstream)
      }
    }
    return missing
  }
}

/** Who clients without a token are, where the configuration says it: a user of no IdP, signed in anew now and then. */
function createAnonymous({ url, tenant }: Config, identity: OpenIdentity, clock: Clock) {
  const life = 900
  const known = new Map<string, Promise<Access>>()
  return (server: Server): Promise<Access> | undefined => {
    if (server.anonymous === undefined) return undefined
    const now = clock.now()
    const key = `${server.name} ${Math.floor(now / (life / 2))}`
    const before = known.get(key)
    if (before !== undefined) return before
    const entering = identity.enterAnonymous(
      {
        principal: { kind: 'user', tenant, issuer: `${url}/anonymous`, subject: server.anonymous },
        client: 'unverified',
        issuedAt: now,
        expiresAt: epoch(now + life),
        scopes: [],
        groups: [],
        groupsComplete: true,
      },
      server,
    )
    known.clear()
    known.set(key, entering)
    entering.catch(() => known.delete(key))
    return entering
  }
}
