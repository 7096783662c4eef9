import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { openScene, type Scene, shapeOf } from './scene.ts'

const open = () =>
  openScene({
    servers: `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    resource: https://crm.example
    audiences: ["https://crm.example"]
    allow: [anyone]
    direct: [api, github]
  billing:
    url: "http://127.0.0.1:3001/mcp"
    resource: https://billing.example
    allow: [anyone]
    direct: [orders]`,
    downstreams: ({ downstream }) =>
      [
        ['api', 'https://api.example.com'],
        ['github', 'https://github.example'],
      ]
        .map(
          ([name, resource]) => `
  ${name}:
    url: "${downstream}"
    resource: ${resource}
    static: { header: X-Api-Key, value: file:secret, per: all, owner: tests }
    operations: [{ op: "GET /orders/{id}", class: read }]`,
        )
        .join(''),
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
  'https://api.example.com%00',
  'https://api.example.com/admin',
  'https://api.example.com/../admin',
  'https://api.example.com:443',
  'https://api.example.com:8443',
  'https://user@api.example.com',
  'https://user:pw@api.example.com',
  'https://api.example.com@evil.example',
  'https://evil.example/https://api.example.com',
  'https://api.example.com#x',
  'https://api.example.com?x',
  'https://API.example.com',
  'HTTPS://api.example.com',
  'http://api.example.com',
  'https:\\\\api.example.com',
  'https:api.example.com',
  '//api.example.com',
  'api.example.com',
  'https://api.example.co',
  'https://xn--pi-7ia.example.com',
  'https://api。example.com',
  'https://аpi.example.com',
  ' https://api.example.com',
  'https://api.example.com ',
  'https://api.example.com https://github.example',
  'https://api.example.com,https://github.example',
  '["https://api.example.com"]',
  'Api',
  'api ',
  'ap',
  'api/',
  'api,github',
  'аpi',
  'constructor',
  '__proto__',
]

const audiencesIn = (body: Record<string, any>) => decodeJwt(body['access_token']).aud
const nothing = async (scene: Scene) => {
  expect(await scene.sessions()).toBe(0)
  expect(scene.downstream.connections).toBe(0)
}

describe('A09 audience widening: targets beyond what is configured', () => {
  it('a wildcard or near miss refuses the whole request, alone and beside one that is right', async () => {
    const scene = await open()
    const token = await scene.idp.token()
    for (const target of near) {
      for (const asked of [
        { audience: target },
        { resource: target },
        { audience: ['api', target] },
        { audience: [target, 'api'] },
        { resource: ['https://api.example.com', target] },
        { audience: 'github', resource: target },
      ]) {
        const { status, body } = await scene.mint(token, asked)
        expect([target, status, body['error'], body['access_token']]).toEqual([
          target,
          400,
          'invalid_target',
          undefined,
        ])
      }
    }
    await nothing(scene)
  })

  it('a name is no resource (RFC 8707 §2)', async () => {
    const scene = await open()
    const { body } = await scene.mint(await scene.idp.token(), { resource: 'api' })
    expect(body['error']).toBe('invalid_target')
    await nothing(scene)
  })

  it('a downstream of another server is answered like one that does not exist', async () => {
    const scene = await open()
    const token = await scene.idp.token()
    const known = await scene.mint(token, { audience: ['api', 'orders'] })
    const itsResource = await scene.mint(token, { resource: 'https://orders.example' })
    const unknown = await scene.mint(token, { audience: ['api', 'nothing'] })
    expect(known.body['error']).toBe('invalid_target')
    expect([shapeOf(known), shapeOf(itsResource)]).toEqual([shapeOf(unknown), shapeOf(unknown)])
    await nothing(scene)
  })

  it('several that are configured for the server are granted, and nothing besides (design §4)', async () => {
    const scene = await open()
    const token = await scene.idp.token()
    const both = ['https://crm.example', 'https://api.example.com', 'https://github.example']
    for (const asked of [
      { audience: ['api', 'github'] },
      { audience: 'api', resource: 'https://github.example' },
      { resource: ['https://github.example', 'https://api.example.com'] },
      {},
    ]) {
      expect(audiencesIn((await scene.mint(token, asked)).body)).toEqual(both)
    }
    const one = await scene.mint(token, { audience: ['api', 'api', 'https://api.example.com'] })
    expect(audiencesIn(one.body)).toEqual(['https://crm.example', 'https://api.example.com'])
    const own = await scene.mint(token, { resource: 'https://crm.example' })
    expect(audiencesIn(own.body)).toEqual(['https://crm.example'])
  })

  it('what was not asked for is not opened by what was', async () => {
    const scene = await open()
    const { body } = await scene.mint(await scene.idp.token(), { audience: 'api' })
    const other = await scene.ask(body['access_token'], '/downstream/github/orders/1')
    expect([other.status, other.code]).toEqual([403, 'downstream_not_granted'])
    expect(scene.downstream.connections).toBe(0)
    expect((await scene.ask(body['access_token'], '/downstream/api/orders/1')).status).toBe(200)
  })
})

describe('A09 audience widening: a scope ⊃ the subject’s', () => {
  it('refuses the request', async () => {
    const scene = await open()
    const token = await scene.idp.token({ scope: 'orders.read profile' })
    for (const scope of [
      'orders.write',
      'orders.read orders.write',
      'ORDERS.READ',
      'orders.*',
      '*',
      'orders.read openid',
      'orders',
      'orders.read.all',
      'orders.read  profile',
      'orders.read\tprofile',
      '"orders.read"',
    ]) {
      const { status, body } = await scene.mint(token, { scope })
      expect([scope, status, body['error']]).toEqual([
        scope,
        400,
        expect.stringMatching(/^invalid_(scope|request)$/),
      ])
    }
    await nothing(scene)
  })

  it('is never minted: the scope of a session token is within the subject’s', async () => {
    const scene = await open()
    const scopeOf = async (has: string | undefined, asked?: string) => {
      const { body } = await scene.mint(await scene.idp.token({ scope: has }), { scope: asked })
      expect(decodeJwt(body['access_token'])['scope']).toBe(body['scope'])
      return body['scope']
    }
    expect(await scopeOf('a b')).toBe('a b')
    expect(await scopeOf('a b', 'b')).toBe('b')
    expect(await scopeOf('a b', 'b a b')).toBe('b a')
    expect(await scopeOf(undefined)).toBe('')
  })
})
