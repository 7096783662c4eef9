import { describe, expect, test } from 'vitest'
import { exchangePlace } from '../../src/exchange/place.ts'
import { type Connection, type Downstream, type Grant, Secret } from '../../src/model/index.ts'
import { oauthError } from '../kit/provider.ts'
import { claimsIn, client, codeOf, exchanged, type Rig, reveal, rig, type Who } from './rig.ts'

const kept = ({ provider }: Rig, more = {}): Downstream =>
  exchanged(provider.issuer, { refresh: true, ...more })

function grantIn(it: Rig, who?: Who): Grant | undefined {
  const need = it.need(kept(it), who)
  const { credential } = need.downstream
  return credential.kind === 'exchange' ? it.secrets.peek(exchangePlace(need, credential))?.grant : undefined
}

const soleRow = ({ connections }: Rig): Connection => {
  const [row] = connections.rows.values()
  if (row === undefined) throw new Error('no row')
  return row
}

/** A sign-in whose grant is kept, and whose access token has ended since; the subject token too. */
async function expired(it: Rig): Promise<void> {
  it.hand()
  await it.exchange.acquire(it.need(kept(it)))
  it.clock.advance(400)
}

describe('a kept grant', () => {
  test('is asked for as a refresh token, stored with its session, and listed in the index without a secret', async () => {
    const it = rig()
    it.hand()
    const credential = await it.exchange.acquire(it.need(kept(it)))
    expect(it.provider.calls[0]?.form['requested_token_type']).toBe(
      'urn:ietf:params:oauth:token-type:refresh_token',
    )
    expect(grantIn(it)).toMatchObject({
      v: 1,
      gen: 1,
      status: 'active',
      sid: 'sid-alice-chat',
      scopes: ['orders.read'],
    })
    const row = soleRow(it)
    expect(row).toMatchObject({
      kind: 'exchange',
      server: 'crm',
      sid: 'sid-alice-chat',
      client: 'chat',
      status: 'active',
    })
    expect(credential.connection).toBe(row.id)
    expect(JSON.stringify(row)).not.toContain('rt-')
  })

  test('has its row in the index before it is stored, so that a revocation finds it', async () => {
    const it = rig()
    it.hand()
    let rowsAtWrite = 0
    it.secrets.beforeWrite = () => void (rowsAtWrite = it.connections.rows.size)
    await it.exchange.acquire(it.need(kept(it)))
    expect(rowsAtWrite).toBe(1)
  })

  test('is used after a restart without an exchange, while its access token lives', async () => {
    const it = rig()
    it.hand()
    const before = await it.exchange.acquire(it.need(kept(it)))
    const after = await it.replica().acquire(it.need(kept(it)))
    expect(reveal(after)).toBe(reveal(before))
    expect(it.provider.calls).toHaveLength(1)
  })

  test('is refreshed after a restart once its access token has ended, though the subject token has too', async () => {
    const it = rig()
    await expired(it)
    const credential = await it.replica().acquire(it.need(kept(it)))
    expect(claimsIn(credential)).toMatchObject({ sub: 'alice', aud: 'orders-api' })
    expect(it.provider.count('refresh_token')).toBe(1)
    expect(grantIn(it)).toMatchObject({ gen: 2, status: 'active' })
    expect(grantIn(it)).not.toHaveProperty('claim')
    expect(it.events.map(({ kind }) => kind)).toEqual(['exchange', 'refresh'])
  })

  test('is narrowed after a refresh that forgot the audience (Keycloak), before it is used', async () => {
    const it = rig()
    it.provider.knobs.broadRefresh = ['account']
    await expired(it)
    const credential = await it.exchange.acquire(it.need(kept(it)))
    expect(claimsIn(credential)['aud']).toBe('orders-api')
    const { length } = it.provider.calls
    expect(it.provider.calls[length - 1]?.form['audience']).toBe('orders-api')
    expect(grantIn(it)?.at?.reveal()).toBe(reveal(credential))
  })

  test('keeps the fresh refresh token when the narrowing fails, and goes on from there', async () => {
    const it = rig()
    it.provider.knobs.broadRefresh = ['account']
    await expired(it)
    it.provider.knobs.respond = ({ form }) =>
      form['grant_type'] === 'refresh_token' ? undefined : oauthError('server_error', 500)
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('exchange_unavailable')
    expect(it.provider.alive.has(grantIn(it)?.rt?.reveal() ?? '')).toBe(true)
    it.provider.knobs.respond = undefined
    expect(claimsIn(await it.exchange.acquire(it.need(kept(it))))['aud']).toBe('orders-api')
  })

  test('belongs to one sign-in: another session of the same person makes its own', async () => {
    const it = rig()
    it.hand()
    it.hand({ client: 'ide' })
    const one = await it.exchange.acquire(it.need(kept(it)))
    const other = await it.exchange.acquire(it.need(kept(it), { client: 'ide' }))
    expect(reveal(other)).not.toBe(reveal(one))
    expect(it.connections.rows.size).toBe(2)
  })

  test('is never refreshed by another registration: the refresh token does not leave', async () => {
    const it = rig()
    await expired(it)
    const other = kept(it, { client: { ...client, id: 'other' } })
    expect(await codeOf(() => it.replica().acquire(it.need(other)))).toBe('subject_expired')
    expect(it.provider.count('refresh_token')).toBe(0)
  })

  test('whose refresh token died asks for a new sign-in, and stops hammering', async () => {
    const it = rig()
    await expired(it)
    it.provider.knobs.respond = () =>
      oauthError('invalid_grant', 400, { error_description: 'Session not active' })
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('reauth_required')
    expect(grantIn(it)?.status).toBe('reauth_required')
    for (let turn = 0; turn < 5; turn++) {
      expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('reauth_required')
    }
    expect(it.provider.count('refresh_token')).toBe(1)
  })

  test('whose refresh token died is replaced by an exchange if a subject token is at hand', async () => {
    const it = rig()
    await expired(it)
    it.hand()
    it.provider.knobs.respond = ({ form }) =>
      form['grant_type'] === 'refresh_token' ? oauthError('invalid_grant') : undefined
    expect(claimsIn(await it.exchange.acquire(it.need(kept(it))))['sub']).toBe('alice')
    expect(grantIn(it)).toMatchObject({ status: 'active' })
  })

  test('that the downstream refused is refreshed, not served from the store again', async () => {
    const it = rig()
    it.hand()
    const first = await it.exchange.acquire(it.need(kept(it)))
    it.exchange.refused(it.need(kept(it)), first)
    const second = await it.exchange.acquire(it.need(kept(it)))
    expect(reveal(second)).not.toBe(reveal(first))
    expect(it.provider.count('refresh_token')).toBe(1)
  })

  test('that the provider did not give is no connection', async () => {
    const it = rig()
    it.hand()
    it.provider.knobs.tamper = ({ body }) => {
      delete body['refresh_token']
      body['issued_token_type'] = 'urn:ietf:params:oauth:token-type:access_token'
    }
    await it.exchange.acquire(it.need(kept(it)))
    expect(it.secrets.all()).toEqual([])
    expect(it.connections.rows.size).toBe(0)
  })
})

describe('while the secret store is down', () => {
  test('exchanges go on, in memory only', async () => {
    const it = rig()
    it.hand()
    it.secrets.failing = 'secrets_unavailable'
    expect(claimsIn(await it.exchange.acquire(it.need(kept(it))))['aud']).toBe('orders-api')
    expect(it.provider.calls[0]?.form['requested_token_type']).toContain('access_token')
  })

  test('no refresh begins, and without a subject token the answer is 503', async () => {
    const it = rig()
    await expired(it)
    it.secrets.failing = 'secrets_sealed'
    expect(await codeOf(() => it.replica().acquire(it.need(kept(it))))).toBe('secrets_sealed')
    expect(it.provider.count('refresh_token')).toBe(0)
  })

  test('a grant that cannot be kept serves from memory until it ends', async () => {
    const it = rig()
    it.hand()
    it.secrets.failingWrites = 'secrets_unavailable'
    expect(claimsIn(await it.exchange.acquire(it.need(kept(it))))['aud']).toBe('orders-api')
    expect(it.secrets.all()).toEqual([])
  })

  test('a login that is not allowed to write is no outage: nothing is served', async () => {
    const it = rig()
    it.hand()
    it.secrets.failingWrites = 'secrets_denied'
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('secrets_denied')
  })

  test('a refreshed grant that cannot be written waits in memory, is not used, and is written first', async () => {
    const it = rig()
    await expired(it)
    it.provider.knobs.respond = ({ form }) => {
      if (form['grant_type'] === 'refresh_token') it.secrets.failingWrites = 'secrets_unavailable'
      return undefined
    }
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('secrets_unavailable')
    expect(grantIn(it)?.gen).toBe(1)
    it.provider.knobs.respond = undefined
    it.secrets.failingWrites = undefined
    const credential = await it.exchange.acquire(it.need(kept(it)))
    expect(grantIn(it)).toMatchObject({ gen: 2 })
    expect(grantIn(it)?.at?.reveal()).toBe(reveal(credential))
    expect(it.provider.count('refresh_token')).toBe(1)
    expect(it.provider.alive.has(grantIn(it)?.rt?.reveal() ?? '')).toBe(true)
  })
})

describe('a grant that was cut', () => {
  test('but is not destroyed yet is neither used nor written over: its revocation still has to read it', async () => {
    const it = rig()
    it.hand()
    await it.exchange.acquire(it.need(kept(it)))
    const row = soleRow(it)
    const scope = { kind: 'user', principal: row.place.principal } as const
    it.gate.cut(scope)
    it.exchange.bar(scope)
    it.hand()
    expect(await codeOf(() => it.exchange.acquire(it.need(kept(it))))).toBe('secrets_conflict')
    expect(grantIn(it)?.rev).toBe(0)
    await it.secrets.destroy(row.place, { at: it.clock.now(), rev: 1, cause: 'test' })
    const credential = await it.exchange.acquire(it.need(kept(it)))
    expect(credential.rev).toBe(1)
    expect(grantIn(it)).toMatchObject({ gen: 1, rev: 1 })
  })

  test('is not revived by a call that was decided before the cut', async () => {
    const it = rig()
    it.hand()
    const early = it.need(kept(it))
    const row = { ...soleRowPlace(it) }
    it.gate.advance()
    await it.secrets.destroy(row, { at: it.clock.now(), rev: 1, cause: 'test' })
    expect(await codeOf(() => it.exchange.acquire(early))).toBe('cut')
    expect(it.provider.calls).toEqual([])
  })
})

function soleRowPlace(it: Rig) {
  const need = it.need(kept(it))
  if (need.downstream.credential.kind !== 'exchange') throw new Error('not an exchange')
  return exchangePlace(need, need.downstream.credential)
}

describe('revoking at the provider (RFC 7009)', () => {
  test('says revoked, and already_invalid the second time', async () => {
    const it = rig()
    it.hand()
    await it.exchange.acquire(it.need(kept(it)))
    const token = grantIn(it)?.rt ?? new Secret('', 'none')
    const { place } = soleRow(it)
    expect((await it.exchange.revokeAtProvider(place, token)).outcome).toBe('revoked')
    const [call] = it.provider.calls.filter(({ endpoint }) => endpoint === 'revoke')
    expect(call?.form).toMatchObject({ token_type_hint: 'refresh_token' })
    expect((await it.exchange.revokeAtProvider(place, token)).outcome).toBe('already_invalid')
    expect(it.provider.alive.size).toBe(0)
  })

  test.each([
    ['unsupported where there is no endpoint', { revocation_endpoint: undefined }, undefined, 'unsupported'],
    [
      'unsupported where the type is not served',
      {},
      () => oauthError('unsupported_token_type'),
      'unsupported',
    ],
    ['already_invalid where that is an error', {}, () => oauthError('invalid_token'), 'already_invalid'],
    ['failed where the server is down', {}, () => new Response(null, { status: 503 }), 'failed'],
    ['failed where the client is refused', {}, () => oauthError('invalid_client', 401), 'failed'],
    ['failed where nothing answers', {}, () => Promise.reject(new TypeError('fetch failed')), 'failed'],
  ])('says %s, and never throws', async (_what, metadata, respond, outcome) => {
    const it = rig()
    it.provider.knobs.metadata = metadata
    it.provider.knobs.respond = respond
    const place = soleRowPlace(it)
    expect((await it.exchange.revokeAtProvider(place, new Secret('rt', 'refresh token'))).outcome).toBe(
      outcome,
    )
  })

  test('says unsupported for a downstream that is not configured any more', async () => {
    const it = rig()
    const place = { ...soleRowPlace(it), downstream: 'gone' }
    expect((await it.exchange.revokeAtProvider(place, new Secret('rt', 'refresh token'))).outcome).toBe(
      'unsupported',
    )
  })
})
