import { statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { mint } from '../kit/instance.ts'
import { type Bank, codeOf, get, post, startBank, statusOf } from './bank.ts'

let bank: Bank
beforeEach(async () => {
  bank = await startBank()
})

const forged = (
  token: string,
  change: (header: Record<string, unknown>, claims: Record<string, unknown>) => void,
) => {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const parts = [header, claims].map((it) => JSON.parse(Buffer.from(it, 'base64url').toString()) as object)
  const [head, body] = parts as [Record<string, unknown>, Record<string, unknown>]
  change(head, body)
  return [...[head, body].map((it) => Buffer.from(JSON.stringify(it)).toString('base64url')), signature].join(
    '.',
  )
}

describe('A51 a neighbour at the loopback port, without a session token', { timeout: 30_000 }, () => {
  it('gets 401 everywhere, and nothing is dialled, exchanged or recorded as meant', async () => {
    const { idp, api } = bank
    const session = await bank.session('alice')
    const capability = bank.running.capability('crm')
    const tokens: Record<string, string | undefined> = {
      none: undefined,
      nonsense: 'nonsense',
      'the capability of the server': capability,
      'the capability of an administrator': bank.running.capability('admin'),
      'the person’s own token': await bank.subject('alice'),
      'no signature': session.replace(/[^.]*$/, ''),
      'no algorithm': forged(session, (head) => (head['alg'] = 'none')),
      'another person': forged(session, (_head, claims) => (claims['sub'] = 'bob')),
      'another time': forged(session, (_head, claims) => (claims['exp'] = 9_999_999_999)),
      'another server': forged(session, (_head, claims) => (claims['aud'] = 'https://hr.example/mcp')),
    }
    for (const [what, token] of Object.entries(tokens)) {
      for (const asked of [
        get('/a/things/1'),
        post('/a/things/1'),
        get('/own/things/1'),
        get('/nothing/x'),
      ]) {
        const answer = await bank.ask(token, asked)
        expect([what, statusOf(answer)]).toEqual([what, 401])
      }
      const list = await bank.ask(token, 'GET /downstreams HTTP/1.1\r\n\r\n')
      expect([what, statusOf(list)]).toEqual([what, 401])
    }
    expect([api.requests, idp.exchanges]).toEqual([[], []])
  })

  it('gets 401 for a token of another scheme or in another place', async () => {
    const session = await bank.session('alice')
    const basic = Buffer.from(`alice:${session}`).toString('base64')
    for (const line of [
      `Authorization: Basic ${basic}`,
      `Authorization: Token ${session}`,
      `Authorization: ${session}`,
      `X-Authorization: Bearer ${session}`,
      `Cookie: authorization=Bearer ${session}; token=${session}`,
      `Sallyport-Token: ${session}`,
      `Proxy-Authorization: Bearer ${session}`,
    ])
      expect([line, statusOf(await bank.ask(undefined, get('/a/things/1', `${line}\r\n`)))]).toEqual([
        line,
        401,
      ])
    expect(bank.api.requests).toEqual([])
  })

  it('gets no session at the token endpoint either: that needs the capability of the server', async () => {
    const subject = await bank.subject('alice')
    for (const capability of [
      '',
      'guess',
      `${bank.running.capability('crm')}x`,
      bank.running.capability('admin'),
    ]) {
      const running = { egress: bank.running.egress, capability: () => capability }
      const minted = await mint(running, 'crm', subject)
      expect([minted.status, minted.body['error']]).toEqual([401, 'invalid_client'])
      expect(minted.body['access_token']).toBeUndefined()
    }
    // By the capability of its own server it is another server's, and the token is not for that.
    expect((await mint(bank.running, 'hr', subject)).status).toBe(400)
  })

  it('finds the capabilities closed to other users of the machine', () => {
    const data = join(bank.running.folder, 'data')
    const mode = (path: string) => statSync(path).mode & 0o777
    expect([mode(data) & 0o077, mode(join(data, 'run')) & 0o007]).toEqual([0, 0])
    for (const name of ['crm.cap', 'hr.cap', 'admin.cap'])
      expect(mode(join(data, 'run', name)) & 0o007).toBe(0)
  })
})

describe('A51 a stolen session token', { timeout: 30_000 }, () => {
  it('opens nothing in another pod, of the same or another configuration', async () => {
    const stolen = await bank.session('alice')
    const other = await startBank()
    const answer = await other.ask(stolen, get('/a/things/1'))
    expect([statusOf(answer), other.api.requests]).toEqual([401, []])
    expect((await mint(other.running, 'crm', stolen)).status).toBe(400)
  })

  it('opens nothing any more once its session is revoked', async () => {
    const stolen = await bank.session('alice')
    expect(statusOf(await bank.ask(stolen, get('/a/things/1')))).toBe(200)
    const scope = { kind: 'user', id: 'alice' }
    expect((await bank.running.admin('POST', '/v1/revocations', { scope, cause: 'stolen' })).status).toBe(200)
    const answer = await bank.ask(stolen, get('/a/things/1'))
    expect([401, 403]).toContain(statusOf(answer))
    expect(['cut', 'held']).toContain(codeOf(answer))
    expect(bank.api.requests).toHaveLength(1)
  })

  it('opens minutes only: its life is at most the subject token’s and fifteen minutes', async () => {
    const claims = (token: string) =>
      JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { exp: number; iat: number }
    const { exp, iat } = claims(await bank.session('alice'))
    expect(exp - iat).toBeLessThanOrEqual(900)
    const short = await bank.subject('alice', 'crm', { exp: Math.floor(Date.now() / 1000) + 60 })
    const minted = await mint(bank.running, 'crm', short)
    expect(claims(minted.token).exp).toBeLessThanOrEqual(claims(short).exp)
  })
})
