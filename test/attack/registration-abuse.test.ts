import { describe, expect, it } from 'vitest'
import { walk } from '../kit/walk.ts'
import { alice, callback, pageOf, postJson, startWorld, type World } from '../signin/world.ts'

const register = (world: World, body: unknown) => postJson(`${world.url}/oauth2/register`, body)
const claude = 'https://claude.ai/api/mcp/auth_callback'

describe('A20 registration abuse', () => {
  it('a name, a logo or a homepage of another makes nobody that other: people are told that it is only said', async () => {
    const world = await startWorld({
      servers: 'server: http://127.0.0.1:9/mcp\nallow: [anyone]\ndeny: ["client:unverified"]',
    })
    const client = await world.register({
      client_name: 'Claude',
      client_uri: 'https://claude.ai',
      logo_uri: 'https://claude.ai/logo.png',
      software_id: 'claude',
    })
    const browser = world.browser()
    const ended = await walk(browser, world.request(client), { as: alice }).then(String, String)
    // To policy it is nobody in particular.
    expect(ended).toContain('denied_by_rule')
    const open = await startWorld()
    const pages: string[] = []
    await walk(open.browser(), open.request(await open.register({ client_name: 'Claude' })), {
      as: alice,
      press: (page) => void pages.push(page.says),
    })
    expect(pages.at(-1)).toContain('Let an unverified app use main?')
    expect(pages.at(-1)).toContain('Says it is “ Claude ” – nobody has verified this')
    expect(pages.at(-1)).toContain('a program on this computer')
  })

  it('a name that breaks out of its place, turns the line round or fills the page is shown as text on one line', async () => {
    const world = await startWorld()
    for (const client_name of [
      '</b><script>alert(1)</script>',
      'Claude\u202e\u2066 verified by Acme',
      'A\r\nSet-Cookie: x=y',
      'x'.repeat(5_000),
      '"><form action=https://evil.example>',
    ]) {
      const browser = world.browser()
      await world.visit(browser, alice)
      const page = pageOf(await browser.open(world.request(await world.register({ client_name }))))
      expect([...page.html.matchAll(/<script|evil\.example>|[\u202e\u2066]/g)]).toEqual([])
      expect(page.says.length).toBeLessThan(2_000)
      expect(page.forms).toHaveLength(1)
    }
  })

  it('with the redirect URI of a known client gets a code to nobody but that client', async () => {
    const world = await startWorld()
    const evil = await register(world, { redirect_uris: [claude], token_endpoint_auth_method: 'none' })
    const both = await register(world, { redirect_uris: [claude, 'https://evil.example/cb'] })
    expect([evil.status, both.status, both.body['error']]).toEqual([201, 400, 'invalid_redirect_uri'])
    const id = String(evil.body['client_id'])
    const elsewhere = await fetch(world.request(id, { redirect_uri: 'https://evil.example/cb' }), {
      redirect: 'manual',
    })
    expect([elsewhere.status, elsewhere.headers.get('location')]).toEqual([400, null])
  })

  it('a client_id that was made up, altered or sealed elsewhere is nobody’s', async () => {
    const [world, other] = [await startWorld(), await startWorld()]
    const own = await world.register()
    const theirs = await other.register()
    const middle = Math.floor(own.length / 2)
    for (const id of [
      theirs,
      `${own.slice(0, middle)}${own[middle] === 'A' ? 'B' : 'A'}${own.slice(middle + 1)}`,
      own.slice(0, -4),
      own.slice('dcr.'.length),
      'dcr.',
      `dcr.${Buffer.from(JSON.stringify({ redirects: [callback], method: 'none', grants: [], at: 1 })).toString('base64url')}`,
      'sp_cs_x',
      'main',
    ]) {
      const answer = await fetch(world.request(id), { redirect: 'manual' })
      expect([id.slice(0, 12), answer.status, (await answer.text()).includes('client_unknown')]).toEqual([
        id.slice(0, 12),
        400,
        true,
      ])
    }
  })

  it('a flood fills nothing and is slowed down; sign-in goes on', async () => {
    const world = await startWorld()
    const client = await world.register()
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => register(world, { redirect_uris: [callback] })),
    )
    const taken = answers.filter(({ status }) => status === 201).length
    expect(taken).toBeLessThan(100)
    const late = answers.find(({ status }) => status !== 201)!
    expect([late.status, late.body['code']]).toEqual([429, 'too_many_requests'])
    expect(pageOf(await world.browser().open(world.request(client))).status).toBe(200)
  })

  it('a body that is too long, of another kind or with names twice is refused', async () => {
    const world = await startWorld()
    const long = await register(world, { redirect_uris: [callback], client_name: 'x'.repeat(20_000) })
    expect([long.status, long.body['code']]).toEqual([400, 'body_too_large'])
    const form = await fetch(`${world.url}/oauth2/register`, {
      method: 'POST',
      body: new URLSearchParams({ redirect_uris: callback }),
    })
    expect(form.status).toBe(400)
    const twice = await register(
      world,
      `{"redirect_uris":["${callback}"],"redirect_uris":["javascript:alert(1)"]}`,
    )
    expect(twice.body['error']).toBe('invalid_client_metadata')
    const proto = await register(
      world,
      `{"redirect_uris":["${callback}"],"__proto__":{"redirects":["https://evil.example"]}}`,
    )
    expect(proto.body['error']).toBe('invalid_client_metadata')
  })

  it('gives a secret that fits its own client_id and no other', async () => {
    const world = await startWorld()
    const [one, two] = [
      await register(world, { redirect_uris: [callback] }),
      await register(world, { redirect_uris: [callback] }),
    ]
    expect(one.body['client_secret']).not.toBe(two.body['client_secret'])
  })
})
