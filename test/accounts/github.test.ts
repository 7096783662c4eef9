import { describe, expect, it } from 'vitest'
import { client, type GitHub, startGitHub } from '../kit/providers/github.ts'
import { page, startWorld, through, type World } from './world.ts'

interface Linked extends World {
  readonly github: GitHub
}

async function world(options: Parameters<typeof startGitHub>[0] = {}): Promise<Linked> {
  const github = await startGitHub(options)
  const scope = options.app === true ? '' : ', scope: [read:user]'
  const it = await startWorld({
    files: { secret: client.secret },
    downstreams: `  mine:
    url: "${github.url}/api/v3"
    provider: github
    issuer: "${github.url}"
    client: { id: ${client.id}, secret: file:secret }${scope.replace(',', '\n   ').replace('[', '["').replace(']', '"]')}
    operations: [{ op: "GET /user", class: read }]`,
  })
  return { ...it, github }
}

describe('a GitHub OAuth app, from the tool call to the disconnection', () => {
  it('is asked for by a link, agreed to, linked, used, shown, and revoked at GitHub', async () => {
    const it = await world()
    const link = await it.link('alice')
    const said: string[] = []
    const browser = it.browser()
    const end = await through(browser, link, { as: 'alice', press: (at) => void said.push(at.says) })
    expect(end.says).toContain('GitHub is connected')
    expect(end.says).toContain('octo-alice')
    const asked = said.find((text) => text.includes('Connect your GitHub account'))
    for (const part of ['main', 'Read your profile', 'sallyport, encrypted']) expect(asked).toContain(part)

    expect(await it.call('alice')).toMatch(/^200 .*octo-alice/)
    expect(it.github.seen).toHaveLength(2)
    const [authorize] = it.github.calls
    expect(authorize).toMatchObject({ method: 'GET', path: '/login/oauth/authorize' })
    const code = it.github.calls.find(({ path }) => path === '/login/oauth/access_token')
    expect(code?.form).toMatchObject({
      grant_type: 'authorization_code',
      redirect_uri: `${it.url}/connect/callback`,
    })
    expect(code?.form['code_verifier']).toMatch(/^[\w-]{43}$/)

    const own = await through(browser, `${it.url}/accounts`, { as: 'alice' })
    for (const part of ['GitHub', 'octo-alice', 'main', 'Read your profile']) expect(own.says).toContain(part)
    const [form] = own.forms
    const after = page(await browser.submit(own, form!, { button: form!.buttons[0]! }))
    expect(after.says).toContain(
      'Disconnected: nothing uses it any more. Its access was revoked at the provider.',
    )
    expect(after.says).toContain('stays listed in your GitHub settings')
    expect(it.github.calls.at(-1)).toMatchObject({
      method: 'DELETE',
      path: `/api/v3/applications/${client.id}/token`,
    })
    expect(it.github.alive.size).toBe(0)
    expect(await it.call('alice')).toContain('/connect/mine?ask=')
    const kinds = it.record().map(({ kind }) => kind)
    for (const kind of ['connect', 'consent', 'exchange', 'disconnect', 'revoke', 'revoked'])
      expect(kinds).toContain(kind)
    expect(JSON.stringify(it.record())).not.toContain('gho_')
    expect(it.log.join('\n')).not.toContain('gho_')
  })

  it('is asked about once more for another client, which then uses the same account without GitHub', async () => {
    const it = await world()
    const browser = it.browser()
    await through(browser, await it.link('alice'), { as: 'alice' })
    const link = await it.link('alice', { client: 'another-client' })
    const before = it.github.count('/login/oauth/authorize')
    const end = await through(browser, link, { as: 'alice' })
    expect(end.says).toContain('GitHub is connected')
    expect(it.github.count('/login/oauth/authorize')).toBe(before)
    expect(await it.call('alice', { client: 'another-client' })).toMatch(/^200/)
  })

  it('keeps a second account beside the first, and uses the one that the person agreed to', async () => {
    const it = await world()
    const browser = it.browser()
    await through(browser, await it.link('alice'), { as: 'alice' })
    it.github.login = 'alice-at-work'
    const link = await it.link('alice', { client: 'another-client' })
    await through(browser, link, {
      as: 'alice',
      fields: (at) => (at.says.includes('Which account?') ? { use: '' } : {}),
    })
    expect(await it.call('alice')).toContain('octo-alice')
    expect(await it.call('alice', { client: 'another-client' })).toContain('alice-at-work')
    const own = await through(browser, `${it.url}/accounts`, { as: 'alice' })
    expect(own.forms).toHaveLength(2)
  })

  it('keeps nothing where the person does not agree, here or there', async () => {
    const it = await world()
    const browser = it.browser()
    const here = await through(browser, await it.link('alice'), {
      as: 'alice',
      press: (at) => (at.says.includes('Connect your GitHub') ? 'cancel' : undefined),
    })
    expect(here.says).toContain('Nothing was connected')
    it.github.twist = (parameters) => {
      parameters.delete('code')
      parameters.set('error', 'access_denied')
      parameters.set('error_description', 'text-of-somebody-else')
    }
    const there = await through(browser, await it.link('alice'), { as: 'alice' })
    expect(there.says).toContain('You did not agree at the provider')
    expect(there.html).not.toContain('text-of-somebody-else')
    expect(await it.call('alice')).toContain('/connect/mine')
  })
})

describe('a GitHub App in the name of a person', () => {
  it('is refreshed with a token that is good once, and its whole authorization is deleted', async () => {
    const it = await world({ app: true, life: 4 })
    await through(it.browser(), await it.link('alice'), { as: 'alice' })
    expect(await it.call('alice')).toMatch(/^200/)
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    expect(await it.call('alice')).toMatch(/^200/)
    const refreshes = it.github.calls.filter(({ form }) => form['grant_type'] === 'refresh_token')
    expect(refreshes).toHaveLength(1)
    const receipt = await it.revoke({ kind: 'downstream', id: 'mine' })
    expect(receipt['connections']).toMatchObject([
      { provider: 'revoked', remains: expect.stringContaining('those of other servers too') },
    ])
    expect(it.github.calls.at(-1)?.path).toMatch(/\/grant$/)
    expect(it.github.alive.size).toBe(0)
  })

  it('whose refresh token is dead, says so with a link and asks GitHub no more', async () => {
    const it = await world({ app: true, life: 2 })
    const browser = it.browser()
    await through(browser, await it.link('alice'), { as: 'alice' })
    await new Promise((resolve) => setTimeout(resolve, 2_100))
    it.github.instead = ({ path, form }) =>
      path === '/login/oauth/access_token' && form['grant_type'] === 'refresh_token'
        ? { status: 200, body: '{"error":"bad_refresh_token","error_description":"expired"}' }
        : undefined
    expect(await it.call('alice')).toContain('/connect/mine?ask=')
    const before = it.github.count('/login/oauth/access_token')
    for (let count = 0; count < 5; count += 1) expect(await it.call('alice')).toContain('/connect/mine?ask=')
    expect(it.github.count('/login/oauth/access_token')).toBe(before)
    it.github.instead = undefined
    const own = await through(browser, `${it.url}/accounts`, { as: 'alice' })
    expect(own.says).toContain('This works no more')
  })
})
