import { describe, expect, it } from 'vitest'
import { type Millis, millis } from '../../../src/model/index.ts'
import { createVaultClient, type VaultClient } from '../../../src/storage/secrets/vault-client.ts'
import { clusterClient } from '../../../src/storage/secrets/vault-nodes.ts'
import { fakeVault, fetchOf, json } from './fake-vault.ts'

type State = 'active' | 'standby' | 'sealed' | 'gone' | 'silent'

const statuses = { active: 200, standby: 429, sealed: 503 } as const
const read = { method: 'GET', path: '/sp-kv/data/x' } as const

/** A node that says of itself what it is, and answers everything else with its name. */
async function startNode(name: string, state: State) {
  const node = { name, state, asked: 0, client: undefined as unknown as VaultClient }
  const { address } = await fakeVault((seen, response) => {
    if (node.state === 'gone') response.destroy()
    if (node.state === 'gone' || node.state === 'silent') return
    const sealed = node.state === 'sealed'
    if (seen.url === '/v1/sys/health') {
      const standby = node.state !== 'active'
      json(response, statuses[node.state], { initialized: true, sealed, standby })
      return
    }
    node.asked += 1
    if (sealed) json(response, 503, { errors: ['Vault is sealed'] })
    else json(response, 200, { name })
  })
  node.client = createVaultClient({ address, fetch: fetchOf, timeoutMs: 300 })
  return node
}

async function cluster(...states: State[]) {
  const nodes = await Promise.all(states.map((state, index) => startNode(`n${index + 1}`, state)))
  const clock = { at: 0, now: () => 0 as never, monotonic: (): Millis => millis(clock.at) }
  const client = clusterClient(
    nodes.map((node) => node.client),
    { clock },
  )
  const asked = async () => ((await client.call(read)).body as { name: string }).name
  return { nodes, clock, client, asked }
}

describe('several nodes of a vault', () => {
  it('are asked at the active one, and a standby never', async () => {
    const { nodes, asked } = await cluster('standby', 'standby', 'active')
    expect(await Promise.all(Array.from({ length: 20 }, asked))).toEqual(Array(20).fill('n3'))
    expect(nodes.map((node) => node.asked)).toEqual([0, 0, 20])
  })

  it.each(['gone', 'silent', 'sealed'] as const)(
    'are asked at the next active one when the first is %s',
    async (state) => {
      const { nodes, client, asked } = await cluster('active', 'standby', 'standby')
      expect(await asked()).toBe('n1')
      nodes[0]!.state = state
      nodes[1]!.state = 'active'
      // The request itself is not repeated: it may have been carried out.
      const first = await client.call(read).catch((error: unknown) => error)
      if (state === 'sealed') expect(first).toMatchObject({ status: 503 })
      else expect(first).toMatchObject({ name: 'VaultFailure' })
      expect(await asked()).toBe('n2')
    },
  )

  it('are no vault while none is active: a standby may lag', async () => {
    const { nodes, client, asked } = await cluster('gone', 'standby', 'sealed')
    await expect(client.call(read)).rejects.toMatchObject({ detail: 'NO_ACTIVE_NODE' })
    nodes[1]!.state = 'active'
    expect(await asked()).toBe('n2')
  })

  it('say that they are sealed when all that answer are, and that they are down when none answers', async () => {
    const { nodes, client } = await cluster('gone', 'sealed', 'sealed')
    expect(await client.call(read)).toMatchObject({ status: 503, errors: ['Vault is sealed'] })
    for (const node of nodes) node.state = 'gone'
    await client.call(read).catch(() => undefined)
    await expect(client.call(read)).rejects.toMatchObject({ name: 'VaultFailure', kind: 'unreachable' })
  })

  it('are looked at again after half a minute, since one that has stepped down still answers', async () => {
    const { nodes, clock, asked } = await cluster('active', 'standby')
    expect(await asked()).toBe('n1')
    nodes[0]!.state = 'standby'
    nodes[1]!.state = 'active'
    clock.at += 29_000
    expect(await asked()).toBe('n1')
    clock.at += 2000
    expect(await asked()).toBe('n2')
  })
})
