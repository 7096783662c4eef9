/** How a client comes to be known: by registering itself, by its metadata document, or by whoever runs sallyport. */
import { describe, expect, it } from 'vitest'
import type { ClientVersion } from '../../kit/sdk-clients.ts'
import { createBrowser } from '../../kit/walk.ts'
import { flowDone, redirect, type SceneOptions, type SignInMore, startScene } from './scene.ts'

const secret = 'the-secret-of-the-desk-app-0123456789'

/** Its host is not asked: the catalogue has a copy of what it says. */
const vscode = {
  registered: { document: 'https://vscode.dev/oauth/client-metadata.json' },
  redirect: 'http://127.0.0.1:33418/',
}

const ways: Readonly<Record<string, { readonly scene: SceneOptions; readonly client: SignInMore }>> = {
  'registers itself': { scene: { more: 'sign_in: { registration: open, catalog: false }' }, client: {} },
  'has a metadata document': {
    scene: { lookup: (_host, _options, done) => done(new Error('no names are known here'), []) },
    client: vscode,
  },
  'is registered without a secret': {
    scene: {
      more: `sign_in: { registration: off }\nclients: { desk: { id: desk, redirects: ["${redirect}"] } }`,
    },
    client: { registered: { id: 'desk' } },
  },
  'is registered with a secret': {
    scene: {
      more: `sign_in: { registration: off }\nclients: { desk: { id: desk, secret: file:desk, redirects: ["${redirect}"] } }`,
      files: { desk: secret },
    },
    client: { registered: { id: 'desk', secret } },
  },
}

const pairs = Object.keys(ways).flatMap((way) =>
  (['v1', 'v2'] as const).map((version) => [way, version] as const),
)

describe('a client that', () => {
  it.for<readonly [string, ClientVersion]>(pairs)('%s signs in, SDK %s', async ([way, version], context) => {
    const { scene: options, client: its } = ways[way]!
    const scene = await startScene('the built-in sign-in', options)
    const client = await scene.signIn(version, its)
    expect((await client.call('read_order', {})).text).toMatch(/^200 /)
    const id = client.kept.visits[0]!.searchParams.get('client_id')
    if (its.registered !== undefined) expect(id).toBe(Object.values(its.registered)[0])
    flowDone(context, `a client that ${way}, SDK ${version}`)
  })

  it('nobody knows is turned away, where registration is off', async () => {
    const scene = await startScene('the built-in sign-in', { more: 'sign_in: { registration: off }' })
    await expect(scene.signIn('v1')).rejects.toThrow(/regist/)
    const browser = createBrowser({ leaveAt: redirect })
    await expect(scene.signIn('v1', { browser, registered: { id: 'unknown' } })).rejects.toThrow(
      /400|401|403/,
    )
    expect(browser.steps).toHaveLength(1)
  })
})
