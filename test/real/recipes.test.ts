/** The programs of docs/recipes.md as they stand there, each as a process behind a gateway, with two users at once. */
import { describe, expect, it } from 'vitest'
import { claimsOf, parts } from '../kit/parts.ts'
import type { ClientVersion } from '../recipes/clients.ts'
import { installed, programs } from '../recipes/document.ts'
import manifest from '../recipes/node/package.json' with { type: 'json' }
import { keyOf, people, type Scene, startScene } from '../recipes/world.ts'

const { recipes: needs } = parts()

const older: readonly [ClientVersion, revision: string][] = [
  ['v1', '2025-11-25'],
  ['v2', '2025-11-25'],
]
const both: typeof older = [
  ['v1', '2025-11-25'],
  ['v2', '2026-07-28'],
]

/** By file: what an older and a newer client agree on with it. */
const recipes: Readonly<Record<string, typeof older>> = {
  'typescript-v1.mjs': older,
  'typescript-v2.mjs': both,
  'no-sdk.mjs': older,
  'verifying.mjs': both,
}

const cases = Object.entries(recipes).flatMap(([file, clients]) =>
  clients.map(([client, revision]) => [file, client, revision] as const),
)

const bearerOf = (headers: { readonly authorization?: string | undefined }) =>
  (headers.authorization ?? '').replace(/^Bearer /, '')

/** Without what the recipe that verifies asks for itself, the keys. */
const requestsOf = ({ seen }: Scene['toEgress']) => seen.filter(({ path }) => path !== '/oauth2/jwks')

/** Several calls of each person at once, so that what one process keeps for one would be taken for another. */
async function callAll(scene: Scene, client: ClientVersion, revision: string): Promise<void> {
  const clients = await Promise.all(people.map((person) => scene.connect(client, person)))
  await Promise.all(
    clients.flatMap((connected, index) => {
      expect(connected.revision).toBe(revision)
      return Array.from({ length: 5 }, async (_, number) => {
        const name = `${people[index]}-${number}`
        expect(await connected.tools()).toEqual(['refund', 'search_orders'])
        const found = await connected.call('search_orders', { customer: name })
        expect(found).toEqual({ text: `200 {"asked":"GET /orders?customer=${name}"}`, failed: false })
        const refunded = await connected.call('refund', { order_id: name, amount: number + 0.5 })
        const body = JSON.stringify(`POST /orders/${name}/refunds {"amount":${number + 0.5}}`)
        expect(refunded).toEqual({ text: `200 {"asked":${body}}`, failed: false })
      })
    }),
  )
}

/** The server has call tokens and no client's, and shows those of its calls to the egress and to nobody else. */
function expectTokensKept({ toServer, toEgress, arrivals, clientTokens }: Scene): void {
  const got = new Set(toServer.seen.map(({ headers }) => bearerOf(headers)))
  const sent = requestsOf(toEgress).map(({ headers }) => bearerOf(headers))
  expect(new Set(sent).size).toBe(20)
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
  expect(of('call')).toHaveLength(20)
  for (const { id, asked } of arrivals) {
    const outcome = of('outcome').find((line) => line['downstreamRequestId'] === id)
    const intent = of('intent').find((line) => line['request'] === outcome?.['request'])
    const call = of('call').find((line) => line['call'] === intent?.['call'])
    expect(asked).toContain(call!['who'].principal.subject)
    expect(call!['tool']).toBe(asked.startsWith('POST') ? 'refund' : 'search_orders')
  }
}

/** What only the recipe that verifies asks for. */
const env = (url: string) => ({ SALLYPORT_URL: url })

describe.skipIf(needs === undefined)('a recipe', () => {
  it('is tested for each program of the document', () => {
    expect(programs.toSorted()).toEqual(Object.keys(recipes).toSorted())
  })

  it('says to install what it is tested with', () => {
    const { dependencies } = manifest
    const locked = Object.entries(dependencies).map(([name, version]) => `${name}@${version}`)
    expect(locked).toEqual(expect.arrayContaining([...installed('npm install')]))
    expect(installed('npm install').length).toBeGreaterThan(0)
  })

  it.each(cases)('serves two people at once: %s, client %s, %s', async (file, client, revision) => {
    const scene = await startScene(file, { needs: needs!, env })
    await callAll(scene, client, revision)
    expect(scene.arrivals).toHaveLength(20)
    expectTokensKept(scene)
    expectEachForItsPerson(scene)
    expectOnRecord(scene, await scene.records())
  })

  it.each(cases)(
    'tells that the egress refused a refund of another order: %s, client %s, %s',
    async (file, client) => {
      const scene = await startScene(file, { needs: needs!, env })
      const alice = await scene.connect(client, 'alice')
      scene.toEgress.rewrite = (path) => path.replace('/orders/7/', '/orders/8/')
      const { text, failed } = await alice.call('refund', { order_id: '7', amount: 5 })
      expect(failed).toBe(true)
      expect(text).toContain('403')
      expect(text).toContain('call_parameter_mismatch')
      expect(scene.arrivals).toEqual([])
      const records = await scene.records()
      const call = records.find((line) => line['kind'] === 'call')!
      const denial = records.find((line) => line['kind'] === 'denial')!
      expect(denial).toMatchObject({ call: call['call'], reason: 'call_parameter_mismatch' })
    },
  )
})
