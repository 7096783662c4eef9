import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decodeJwt } from 'jose'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aDownstream, aLogin, exchange, type Opened, opened } from '../identity/opened.ts'

const clock = steppedClock()
let idp: Idp
let at: Opened

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())
beforeEach(() => {
  at = opened({
    logins: [aLogin(idp)],
    clock,
    downstreams: [
      aDownstream('orders', 'https://api.example.com'),
      aDownstream('github', 'https://github.example'),
    ],
  })
})

const near = [
  '*',
  'https://*',
  'https://*.example.com',
  'https://api.example.com.evil',
  'https://api.example.com.',
  'https://api.example.com/',
  'https://api.example.com%2f',
  'https://api.example.com%2fadmin',
  'https://api.example.com/admin',
  'https://api.example.com:443',
  'https://user@api.example.com',
  'https://api.example.com@evil.example',
  'https://api.example.com#x',
  'https://api.example.com?x',
  'https://API.example.com',
  'HTTPS://api.example.com',
  'http://api.example.com',
  'https://api.example.co',
  'https://api。example.com',
  ' https://api.example.com',
  'https://api.example.com https://github.example',
  'https://api.example.com,https://github.example',
  'Orders',
  'orders ',
  'order',
  'orders/',
  'ordеrs',
  'constructor',
  '__proto__',
]

describe('A09 asking for more than is configured', () => {
  it.each(near)('a near miss refuses the whole request: %s', async (target) => {
    const face = await at.app()
    for (const over of [
      { audience: target },
      { resource: target },
      { audience: ['orders', target] },
      { audience: 'orders', resource: target },
      { resource: [target, 'https://api.example.com'] },
    ]) {
      const answer = await exchange(face, await idp.token(), over)
      expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_target'])
      expect(answer.body['access_token']).toBeUndefined()
    }
    expect([at.around.handed, at.around.put]).toEqual([[], []])
  })

  it('a name is no resource', async () => {
    const answer = await exchange(await at.app(), await idp.token(), { resource: 'orders' })
    expect(answer.body['error']).toBe('invalid_target')
  })

  it('a downstream that the policy does not admit is answered like one that does not exist', async () => {
    at.around.admit = (_facts, names) => ({
      effect: 'allow',
      permit: names.filter((name) => name === 'orders'),
      reason: 'allowed',
      rule: 'r',
    })
    const face = await at.app()
    const known = await exchange(face, await idp.token(), { audience: ['orders', 'github'] })
    const unknown = await exchange(face, await idp.token(), { audience: ['orders', 'nothing'] })
    const { request_id: _one, ...first } = known.body
    const { request_id: _other, ...second } = unknown.body
    expect([known.status, first]).toEqual([unknown.status, second])
    expect(first['error']).toBe('invalid_target')
  })

  it('two targets that are configured are two audiences, and nothing besides', async () => {
    const face = await at.app()
    const both = { audience: 'orders', resource: 'https://github.example' }
    const { body } = await exchange(face, await idp.token(), both)
    expect(decodeJwt(body['access_token']).aud).toEqual([
      'https://crm.example',
      'https://api.example.com',
      'https://github.example',
    ])
    const one = await exchange(face, await idp.token(), {
      audience: ['orders', 'orders', 'https://api.example.com'],
    })
    expect(decodeJwt(one.body['access_token']).aud).toEqual([
      'https://crm.example',
      'https://api.example.com',
    ])
    const own = await exchange(face, await idp.token(), { resource: 'https://crm.example' })
    expect(decodeJwt(own.body['access_token']).aud).toEqual(['https://crm.example'])
  })

  it.each([
    'orders.write',
    'orders.read orders.write',
    'ORDERS.READ',
    'orders.*',
    '*',
    'orders.read openid',
    'orders',
  ])('a scope beyond the subject token refuses the request: %s', async (scope) => {
    const answer = await exchange(await at.app(), await idp.token({ scope: 'orders.read' }), { scope })
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_scope'])
  })

  it('a minted scope is never more than the subject token has', async () => {
    const face = await at.app()
    const scopes = async (has: string | undefined, asked?: string) => {
      const { body } = await exchange(face, await idp.token({ scope: has }), { scope: asked })
      expect(decodeJwt(body['access_token'])['scope']).toBe(body['scope'])
      return body['scope']
    }
    expect(await scopes('a b')).toBe('a b')
    expect(await scopes('a b', 'b')).toBe('b')
    expect(await scopes(undefined)).toBe('')
  })
})
