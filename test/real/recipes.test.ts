/** The programs of docs/recipes.md as they stand there, each as a process behind a gateway, with two users at once. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { claimsOf, parts } from '../kit/parts.ts'
import { installed, programs } from '../recipes/document.ts'
import manifest from '../recipes/node/package.json' with { type: 'json' }
import { keyOf, people, type Scene, startScene } from '../recipes/world.ts'

const { recipes: needs } = parts()

const older = '2025-11-25'
const newer = '2026-07-28'

/** By file: the revision of MCP that it and the newer client agree on. The older client knows none newer than `older`. */
const recipes: Readonly<Record<string, string>> = {
  'typescript-v1.mjs': older,
  'typescript-v2.mjs': newer,
  'python-sdk.py': newer,
  'fastmcp-server.py': newer,
  'go-sdk.go': newer,
  'no-sdk.mjs': older,
  'verifying.mjs': newer,
  'python-verifying.py': newer,
}

const bearerOf = (headers: { readonly authorization?: string | undefined }) =>
  (headers.authorization ?? '').replace(/^Bearer /, '')

/** Without what the recipe that verifies asks for itself, the keys. */
const requestsOf = ({ seen }: Scene['toEgress']) => seen.filter(({ path }) => path !== '/oauth2/jwks')

const calls = 40

/** Several calls of each person by each client at once, so that what one process keeps for one would be taken for another. */
async function callAll(scene: Scene, newest: string): Promise<void> {
  const everybody = people.flatMap((person) => [
    { person, version: 'v1', revision: older } as const,
    { person, version: 'v2', revision: newest } as const,
  ])
  await Promise.all(
    everybody.map(async ({ person, version, revision }) => {
      const client = await scene.connect(version, person)
      expect(client.revision).toBe(revision)
      expect(await client.tools()).toEqual(['refund', 'search_orders'])
      await Promise.all(
        Array.from({ length: calls / everybody.length / 2 }, async (_, number) => {
          const name = `${person}-${version}-${number}`
          const found = await client.call('search_orders', { customer: name })
          expect(found).toEqual({ text: `200 {"asked":"GET /orders?customer=${name}"}`, failed: false })
          const refunded = await client.call('refund', { order_id: name, amount: number * 1.5 })
          const asked = JSON.stringify(`POST /orders/${name}/refunds {"amount":${number * 1.5}}`)
          expect(refunded).toEqual({ text: `200 {"asked":${asked}}`, failed: false })
        }),
      )
    }),
  )
}

/** The server has call tokens and no client's, and shows those of its calls to the egress and to nobody else. */
function expectTokensKept({ toServer, toEgress, arrivals, clientTokens }: Scene): void {
  const got = new Set(toServer.seen.map(({ headers }) => bearerOf(headers)))
  const sent = requestsOf(toEgress).map(({ headers }) => bearerOf(headers))
  expect(new Set(sent).size).toBe(calls)
  expect(sent.filter((token) => !got.has(token))).toEqual([])
  const around = JSON.stringify([toServer.seen, toEgress.seen])
  expect(clientTokens.filter((token) => around.includes(token))).toEqual([])
  const atApi = JSON.stringify(arrivals)
  expect([...got, ...clientTokens].filter((token) => atApi.includes(token))).toEqual([])
  expect(atApi).not.toMatch(/authorization|bearer/i)
}

/** Whose call a request was is in its path. */
function expectEachForItsPerson({ toEgress, arrivals }: Scene): void {
  for (const { headers, path } of requestsOf(toEgress)) {
    const { sub, sp } = claimsOf(bearerOf(headers))
    expect(path).toContain(sub)
    expect(sp.tool).toBe(path.endsWith('/refunds') ? 'refund' : 'search_orders')
  }
  for (const { asked, key } of arrivals)
    expect(key).toBe(keyOf(people.find((person) => asked.includes(person))!))
}

function expectOnRecord({ arrivals }: Scene, records: Awaited<ReturnType<Scene['records']>>): void {
  const of = (kind: string) => records.filter((line) => line['kind'] === kind)
  expect(of('call')).toHaveLength(calls)
  for (const { id, asked } of arrivals) {
    const outcome = of('outcome').find((line) => line['downstreamRequestId'] === id)
    const intent = of('intent').find((line) => line['request'] === outcome?.['request'])
    const call = of('call').find((line) => line['call'] === intent?.['call'])
    expect(asked).toContain(call!['who'].principal.subject)
    expect(call!['tool']).toBe(asked.startsWith('POST') ? 'refund' : 'search_orders')
  }
}

const lockOf = (path: string) => readFileSync(new URL(`../recipes/${path}`, import.meta.url), 'utf8')

/** What only the recipe that verifies asks for. */
const env = (url: string) => ({ SALLYPORT_URL: url })

describe.skipIf(needs === undefined)('a recipe', () => {
  it('is tested for each program of the document', () => {
    expect(programs.toSorted()).toEqual(Object.keys(recipes).toSorted())
  })

  it('says to install what it is tested with', () => {
    const npm = Object.entries(manifest.dependencies).map(([name, version]) => `${name}@${version}`)
    const pip = [...lockOf('python/requirements.txt').matchAll(/^(\S+==\S+)/gm)].map(([, it]) => it)
    const go = [...lockOf('go/go.mod').matchAll(/^(?:require|\t)\s*(\S+) (v\S+)/gm)].map(
      ([, name, version]) => `${name}@${version}`,
    )
    for (const [command, versions] of [
      ['npm install', npm],
      ['pip install', pip],
      ['go get', go],
    ] as const) {
      expect(installed(command).length).toBeGreaterThan(0)
      expect(versions).toEqual(expect.arrayContaining([...installed(command)]))
    }
  })

  it.each(Object.entries(recipes))(
    'serves two people at once, %s with clients up to %s',
    async (file, newest) => {
      const scene = await startScene(file, { needs: needs!, env })
      await callAll(scene, newest)
      expect(scene.arrivals).toHaveLength(calls)
      expectTokensKept(scene)
      expectEachForItsPerson(scene)
      expectOnRecord(scene, await scene.records())
    },
  )

  it.each(Object.keys(recipes))(
    'tells that the egress refused a refund of another order: %s',
    async (file) => {
      const scene = await startScene(file, { needs: needs!, env })
      scene.toEgress.rewrite = (path) => path.replace('/orders/7/', '/orders/8/')
      for (const version of ['v1', 'v2'] as const) {
        const alice = await scene.connect(version, 'alice')
        const { text, failed } = await alice.call('refund', { order_id: '7', amount: 5 })
        expect(failed).toBe(true)
        expect(text).toContain('403')
        expect(text).toContain('call_parameter_mismatch')
      }
      expect(scene.arrivals).toEqual([])
      const records = await scene.records()
      const idsOf = (kind: string) =>
        records.filter((line) => line['kind'] === kind).map((line) => line['call'])
      expect(idsOf('call')).toHaveLength(2)
      expect(idsOf('denial')).toEqual(idsOf('call'))
    },
  )
})
