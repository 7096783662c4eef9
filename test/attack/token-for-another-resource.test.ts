import { describe, expect, it } from 'vitest'
import { audience, openScene, orders, refused } from './scene.ts'

const elsewhere: readonly [string, unknown][] = [
  ['another resource', 'https://billing.example'],
  ['the bare client id of another client', 'billing'],
  ['none', undefined],
  ['none in a list', []],
  ['a resource that ours is a prefix of', `${audience}.evil`],
  ['a path below ours', `${audience}/admin`],
  ['ours with a slash', `${audience}/`],
  ['ours with userinfo', `${audience}@evil.example`],
  ['ours behind userinfo', 'https://evil@crm.example'],
  ['ours with the default port', `${audience}:443`],
  ['ours with a trailing dot', `${audience}.`],
  ['ours in upper case', audience.toUpperCase()],
  ['ours encoded', 'https:%2F%2Fcrm.example'],
  ['ours with a space', ` ${audience}`],
  ['a wildcard', '*'],
  ['our egress', `${audience}/egress`],
  ['a downstream of ours', 'https://orders.example'],
]

describe('A01 wrong audience: a valid token of the provider, made for another API', () => {
  it('is refused by the token endpoint and, with 401, by the egress, and no byte goes to the downstream', async () => {
    const scene = await openScene()
    const answers: Record<string, string> = {}
    for (const [what, aud] of elsewhere) answers[what] = await scene.doors(await scene.idp.token({ aud }))
    expect(answers).toEqual(
      Object.fromEntries(elsewhere.map(([what]) => [what, refused('token_audience_refused')])),
    )
    expect(await scene.sessions()).toBe(0)
    expect(scene.downstream.connections).toBe(0)
  })

  it('is refused for a further audience beside ours, which could replay it here (design §3)', async () => {
    const scene = await openScene()
    for (const aud of [
      [audience, 'https://billing.example'],
      ['https://billing.example', audience],
    ]) {
      expect(await scene.doors(await scene.idp.token({ aud }))).toBe(refused('token_audience_extra'))
    }
    expect(scene.downstream.connections).toBe(0)
  })

  it('is refused with an aud that is no text or list of texts', async () => {
    const scene = await openScene()
    for (const aud of [5, { [audience]: true }, [audience, 5], [[audience]], [null, audience], '']) {
      expect(await scene.doors(await scene.idp.token({ aud }))).toMatch(/^400 (token_\w+), 401 \1$/)
    }
    expect(scene.downstream.connections).toBe(0)
  })

  it('for another server behind the same sallyport is not taken for this one', async () => {
    const scene = await openScene({
      servers: `
  crm: { url: "http://127.0.0.1:3000/mcp", audiences: ["${audience}"], allow: [anyone], direct: [orders] }
  billing: { url: "http://127.0.0.1:3001/mcp", audiences: ["https://billing.example"], allow: [anyone] }`,
    })
    const token = await scene.idp.token({ aud: 'https://billing.example' })
    expect((await scene.mint(token)).code).toBe('token_audience_refused')
    expect(await scene.sessions()).toBe(0)
  })
})

describe('A01 wrong audience: a session token of ours that does not name the downstream', () => {
  const second = ({ downstream }: { downstream: string }) => `
  stock:
    url: "${downstream}"
    resource: https://stock.example
    static: { header: X-Api-Key, value: file:secret, per: all, owner: tests }
    operations: [{ op: "GET /orders/{id}", class: read }]`

  it('is refused there, and no byte is sent', async () => {
    const scene = await openScene({
      downstreams: second,
      servers: `
  crm: { url: "http://127.0.0.1:3000/mcp", audiences: ["${audience}"], allow: [anyone], direct: [orders, stock] }`,
    })
    const minted = await scene.mint(await scene.idp.token(), { audience: 'stock' })
    expect(minted.status).toBe(200)
    const answer = await scene.ask(minted.body['access_token'])
    expect([answer.status, answer.code]).toEqual([403, 'downstream_not_granted'])
    expect(scene.downstream.connections).toBe(0)
    const its = await scene.ask(minted.body['access_token'], orders.replace('orders/', 'stock/'))
    expect([its.status, scene.downstream.seen.length]).toEqual([200, 1])
  })
})
