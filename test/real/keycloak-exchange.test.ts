import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createExchange, type Exchange, type Need } from '../../src/exchange/index.ts'
import {
  type Credential,
  type Downstream,
  epoch,
  type Grant,
  type GuardedFetch,
  millis,
  type RecordEvent,
  Secret,
  type Session,
} from '../../src/model/index.ts'
import { codeOf, fakeGate, introduction, memoryConnections, memoryConsents, server } from '../exchange/rig.ts'
import { type MemorySecrets, memorySecrets } from '../kit/memory-secrets.ts'
import {
  claimsOf,
  type KeycloakPart,
  keycloakToken,
  parts,
  passwordToken,
  type UserName,
} from '../kit/parts.ts'
import { notedAudit, quietLog } from '../kit/quiet.ts'
import { createMetrics } from '../../src/telemetry/index.ts'

const { keycloak } = parts()

/** The wall clock, which a test may set forward: what has ended for us still lives at Keycloak. */
const clock = {
  ahead: 0,
  now: () => epoch(Date.now() / 1000 + clock.ahead),
  monotonic: () => millis(performance.now()),
}

interface Setup {
  readonly exchange: Exchange
  readonly secrets: MemorySecrets
  readonly events: RecordEvent[]
  readonly gate: ReturnType<typeof fakeGate>
  /** Paths that were asked for at Keycloak. */
  readonly paths: string[]
  replica(): Exchange
}

const opened: Exchange[] = []

function setup(orders: Downstream): Setup {
  const secrets = memorySecrets()
  const connections = memoryConnections()
  const audit = notedAudit()
  const gate = fakeGate()
  const paths: string[] = []
  const guarded: GuardedFetch = (url, init) => {
    paths.push(new URL(url).pathname.split('/').at(-1) ?? '')
    return fetch(url, init)
  }
  const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes))
  const replica = (): Exchange => {
    const deps = {
      fetch: guarded,
      secrets,
      connections,
      audit,
      gate,
      clock,
      random,
      log: quietLog,
      metrics: createMetrics({ process: false }),
      sessionEnded: () => undefined,
      revokeLater: () => Promise.reject(new Error('Keycloak did not revoke')),
      consents: memoryConsents(),
      introduction: introduction(),
    }
    const exchange = createExchange({ downstream: () => orders }, deps)
    opened.push(exchange)
    return exchange
  }
  return { exchange: replica(), secrets, events: audit.events, gate, paths, replica }
}

const broker = { id: 'sallyport', secret: new Secret(keycloak?.clients.sallyport ?? '', 'client secret') }

function orders(more: object = {}): Downstream {
  const credential = {
    kind: 'exchange',
    issuer: keycloak?.issuer ?? '',
    client: broker,
    audience: 'orders-api',
    scope: ['orders.read'],
    refresh: false,
    ...more,
  } as const
  const origin = 'https://orders.internal'
  return { name: 'orders', origin, basePath: '', resource: origin, operations: [], credential }
}

interface SignIn {
  readonly session: Session
  readonly token: Secret
  readonly expiresAt: ReturnType<typeof epoch>
  readonly refreshToken: string
}

async function signIn(user: UserName = 'alice', more: object = {}): Promise<SignIn> {
  const { access_token: text, refresh_token: refreshToken = '' } = await passwordToken({ user, ...more })
  const claims = claimsOf(text)
  const session: Session = {
    sid: `sid-${claims.sid}`,
    principal: { kind: 'user', tenant: 'acme', issuer: claims.iss, subject: claims.sub },
    client: claims.azp,
    server: server.name,
    idpSid: claims.sid,
    authTime: epoch(claims.iat),
    groups: claims.groups,
    groupsComplete: true,
    rev: 0,
  }
  return { session, token: new Secret(text, 'subject token'), expiresAt: epoch(claims.exp), refreshToken }
}

function needOf({ session }: SignIn, downstream: Downstream): Need {
  const access = {
    session,
    actor: undefined,
    audiences: [],
    scopes: [],
    jti: 'jti',
    expiresAt: epoch(clock.now() + 300),
    rev: 0,
  }
  return { access, server, downstream, rev: 0 }
}

const inside = (credential: Credential): any => claimsOf(credential.secret.reveal())

async function introspect(
  token: string,
  { issuer, clients }: KeycloakPart,
): Promise<{ active: boolean; aud: unknown }> {
  const response = await fetch(`${issuer}/protocol/openid-connect/token/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`orders-api:${clients['orders-api']}`)}` },
    body: new URLSearchParams({ token }),
  })
  return (await response.json()) as { active: boolean; aud: unknown }
}

const soleGrant = (secrets: MemorySecrets): Grant => {
  const [stored] = secrets.all()
  if (stored?.grant === undefined) throw new Error('no grant')
  return stored.grant
}

afterEach(async () => {
  clock.ahead = 0
  await Promise.all(opened.splice(0).map((exchange) => exchange.close()))
})

describe.skipIf(keycloak === undefined)('exchange at Keycloak', () => {
  let alice: SignIn
  beforeAll(async () => {
    alice = await signIn()
  })

  async function attempt(downstream: Downstream, who = alice): Promise<string> {
    const { exchange } = setup(downstream)
    exchange.hand(who.session, who.token, who.expiresAt)
    return codeOf(() => exchange.acquire(needOf(who, downstream)))
  }

  test.each([
    ['an unknown audience, which it calls invalid_client', { audience: 'nope' }, 'exchange_target_refused'],
    [
      'an audience that is not mapped, which it calls invalid_request',
      { audience: 'billing-api' },
      'exchange_target_refused',
    ],
    ['an unknown scope', { scope: ['nonsense'] }, 'exchange_target_refused'],
    [
      'a wrong client secret',
      { client: { id: 'sallyport', secret: new Secret('wrong', 'x') } },
      'exchange_misconfigured',
    ],
  ] as const)('refuses %s', async (_what, more, code) => {
    expect(await attempt(orders(more))).toBe(code)
  })

  test('refuses a client whose exchange is switched off, which is the operator’s to mend, not the caller’s', async () => {
    const client = { id: 'chat', secret: new Secret(keycloak?.clients.chat ?? '', 'client secret') }
    expect(await attempt(orders({ client }))).toBe('exchange_misconfigured')
  })

  test('refuses a subject token that does not name the broker', async () => {
    expect(await attempt(orders(), await signIn('alice', { client: 'chat-unmapped' }))).toBe(
      'exchange_target_refused',
    )
  })

  test('refuses the subject token of a session that has ended', async () => {
    const who = await signIn()
    await fetch(`${keycloak?.issuer}/protocol/openid-connect/logout`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`chat:${keycloak?.clients.chat}`)}` },
      body: new URLSearchParams({ refresh_token: who.refreshToken }),
    })
    expect(await attempt(orders(), who)).toBe('exchange_subject_refused')
  })

  test('ignores resource, so a downstream without an audience gets no token that opens others too', async () => {
    const downstream = orders({ scope: ['orders.read', 'billing'] })
    const { audience: _audience, ...credential } = downstream.credential as { audience: string }
    expect(await attempt({ ...downstream, credential: credential as never })).toBe(
      'exchange_response_refused',
    )
  })

  test("gives alice's token for orders-api alone, once for all who ask", async () => {
    const downstream = orders()
    const { exchange, paths, events } = setup(downstream)
    exchange.hand(alice.session, alice.token, alice.expiresAt)
    const wanted = needOf(alice, downstream)
    const all = await Promise.all(Array.from({ length: 20 }, async () => exchange.acquire(wanted)))
    const [credential] = all as [Credential]
    const { sub, azp, aud, scope } = inside(credential)
    expect({ sub, azp, aud }).toEqual({
      sub: alice.session.principal.subject,
      azp: 'sallyport',
      aud: 'orders-api',
    })
    expect(scope.split(' ')).toContain('orders.read')
    expect(paths).toEqual(['openid-configuration', 'token'])
    for (let turn = 0; turn < 1000; turn++) expect(exchange.acquire(wanted)).toBe(credential)
    expect(paths).toHaveLength(2)
    expect(JSON.stringify(events)).not.toContain('eyJ')
  })

  test('says another audience in introspection than in the token: the token is what counts', async () => {
    const downstream = orders()
    const { exchange } = setup(downstream)
    exchange.hand(alice.session, alice.token, alice.expiresAt)
    const credential = await exchange.acquire(needOf(alice, downstream))
    expect(inside(credential).aud).toBe('orders-api')
    expect(await introspect(credential.secret.reveal(), keycloak as KeycloakPart)).toMatchObject({
      active: true,
    })
  })

  test("never gives bob alice's token", async () => {
    const downstream = orders()
    const { exchange } = setup(downstream)
    const bob = await signIn('bob')
    for (const who of [alice, bob]) exchange.hand(who.session, who.token, who.expiresAt)
    const subs = await Promise.all(
      [alice, bob].map(async (who) => inside(await exchange.acquire(needOf(who, downstream))).sub),
    )
    expect(subs).toEqual([alice.session.principal.subject, bob.session.principal.subject])
  })

  test('gives the system a token of its own, narrowed: its service account names account as well', async () => {
    const kind = { kind: 'client-credentials', refresh: undefined }
    const downstream = orders(kind)
    const direct = await keycloakToken('sallyport', { grant_type: 'client_credentials' })
    expect(claimsOf(direct.access_token).aud).toEqual(['orders-api', 'account'])
    const { exchange } = setup(downstream)
    const { aud, preferred_username: name } = inside(await exchange.acquire(needOf(alice, downstream)))
    expect({ aud, name }).toEqual({ aud: 'orders-api', name: 'service-account-sallyport' })
  })

  test('keeps a grant, uses it after a restart, refreshes it after its end, and narrows what the refresh widened', async () => {
    const downstream = orders({ refresh: true })
    const who = await signIn()
    const { exchange, secrets, paths, events, replica } = setup(downstream)
    exchange.hand(who.session, who.token, who.expiresAt)
    const first = await exchange.acquire(needOf(who, downstream))
    expect(soleGrant(secrets)).toMatchObject({ gen: 1, sid: who.session.sid })

    const restarted = replica()
    const again = await restarted.acquire(needOf(who, downstream))
    expect(again.secret.reveal()).toBe(first.secret.reveal())
    expect(paths).toEqual(['openid-configuration', 'token'])

    clock.ahead = 290
    const before = soleGrant(secrets).rt?.reveal() ?? ''
    const refreshed = await restarted.acquire(needOf(who, downstream))
    expect(inside(refreshed)).toMatchObject({ aud: 'orders-api', sub: who.session.principal.subject })
    expect(refreshed.secret.reveal()).not.toBe(first.secret.reveal())
    expect(soleGrant(secrets)).toMatchObject({ gen: 2, status: 'active' })
    expect(soleGrant(secrets).rt?.reveal()).not.toBe(before)
    expect(events.map(({ kind }) => kind)).toEqual(['exchange', 'exchange', 'refresh'])
    expect(await introspect(refreshed.secret.reveal(), keycloak as KeycloakPart)).toMatchObject({
      active: true,
    })
  })

  test('with three processes and strict rotation refreshes once', async () => {
    const downstream = orders({ refresh: true })
    const who = await signIn()
    const { exchange, secrets, replica } = setup(downstream)
    exchange.hand(who.session, who.token, who.expiresAt)
    await exchange.acquire(needOf(who, downstream))
    clock.ahead = 290
    const wanted = needOf(who, downstream)
    const replicas = [replica(), replica(), replica()]
    const all = await Promise.all(
      replicas.flatMap((each) => Array.from({ length: 20 }, async () => each.acquire(wanted))),
    )
    expect(new Set(all.map((each) => each.secret.reveal())).size).toBe(1)
    expect(soleGrant(secrets).gen).toBe(2)
    const form = { grant_type: 'refresh_token', refresh_token: soleGrant(secrets).rt?.reveal() ?? '' }
    await expect(keycloakToken('sallyport', form)).resolves.toBeDefined()
  })

  test('revokes a refresh token, and with it the exchanged access token; a second time says already_invalid', async () => {
    const downstream = orders({ refresh: true })
    const who = await signIn()
    const { exchange, secrets, replica } = setup(downstream)
    exchange.hand(who.session, who.token, who.expiresAt)
    const credential = await exchange.acquire(needOf(who, downstream))
    const token = credential.secret.reveal()
    expect(await introspect(token, keycloak as KeycloakPart)).toMatchObject({ active: true })
    const { rt } = soleGrant(secrets)
    const place = {
      tenant: 'acme',
      group: 'crm',
      principal: who.session.principal,
      downstream: 'orders',
      audience: '',
    }
    expect(await exchange.revokeAtProvider(place, rt as Secret)).toEqual({ outcome: 'revoked' })
    expect(await introspect(token, keycloak as KeycloakPart)).toMatchObject({ active: false })
    expect(await exchange.revokeAtProvider(place, rt as Secret)).toEqual({ outcome: 'already_invalid' })
    clock.ahead = 290
    expect(await codeOf(() => replica().acquire(needOf(who, downstream)))).toBe('reauth_required')
    expect(soleGrant(secrets).status).toBe('reauth_required')
  })

  test('a cut while the refresh is under way leaves no refresh token alive', async () => {
    const downstream = orders({ refresh: true })
    const who = await signIn()
    const { exchange, secrets, gate } = setup(downstream)
    exchange.hand(who.session, who.token, who.expiresAt)
    await exchange.acquire(needOf(who, downstream))
    clock.ahead = 290
    const scope = { kind: 'user', principal: who.session.principal } as const
    secrets.beforeWrite = (_place, { gen }) => {
      if (gen !== 2) return
      gate.cut(scope)
      exchange.bar(scope)
    }
    expect(await codeOf(() => exchange.acquire(needOf(who, downstream)))).toBe('cut')
    const form = () => ({ grant_type: 'refresh_token', refresh_token: soleGrant(secrets).rt?.reveal() ?? '' })
    await expect
      .poll(
        () =>
          keycloakToken('sallyport', form()).then(
            () => 'alive',
            () => 'dead',
          ),
        { timeout: 3000 },
      )
      .toBe('dead')
  })
})
