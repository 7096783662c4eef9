/** Three processes on an OpenBao of three raft nodes, whose active node is killed while a grant is refreshed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBaoCluster, parts, startOpenBaoCluster } from '../kit/parts.ts'
import type { Told } from './refresh/orders.ts'
import { served } from './refresh/served.ts'
import { storeAt } from './refresh/store.ts'
import { startTeam, type Team } from './refresh/team.ts'

const patient = { timeout: 120_000, interval: 500 }

describe.skipIf(parts().openbao === undefined)('a secret store of three nodes', { timeout: 240_000 }, () => {
  let bao: OpenBaoCluster
  let team: Team
  beforeAll(async () => {
    bao = await startOpenBaoCluster()
    const leader = await bao.leader()
    const nodes = bao.nodes.map(({ address }) => address)
    team = await startTeam({
      ...(await storeAt({ address: leader.address, rootToken: bao.rootToken })),
      nodes,
    })
  }, 180_000)
  afterAll(async () => {
    await team.stop()
    await bao.stop()
  }, 60_000)

  /** Failing for want of the store is allowed while there is no active node, and nothing else is. */
  const onlyAway = (told: Told) =>
    expect(Object.keys(told.codes).filter((code) => code !== 'secrets_unavailable')).toEqual([])

  it('serves a storm like one node: one refresh, no error', async () => {
    await team.expired('calm')
    served(team, await team.storm('calm', 200), 600)
    expect(team.as.refreshes('calm')).toBe(1)
  })

  it('loses no grant when the active node is killed before the token call, after it, and as calls come', async () => {
    const people = ['before', 'after', 'meanwhile']
    await team.expired(...people)
    const [first, second] = team.members
    const before = await first!.halt('before the token call')
    const ofFirst = first!.acquire('before', 50)
    await before.halted
    const after = await second!.halt('after the token call')
    const ofSecond = second!.acquire('after', 50)
    await after.halted
    const leader = await bao.leader()
    await leader.kill()
    const meanwhile = team.storm('meanwhile', 50)
    await Promise.all([first, second].map((member) => member!.tell({ do: 'go' })))
    for (const told of [await ofFirst, await ofSecond, await meanwhile]) onlyAway(told)
    for (const subject of people) {
      await expect.poll(async () => (await team.storm(subject, 20)).codes, patient).toEqual({})
      served(team, await team.storm(subject, 20), 60)
      expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated'])
    }
    for (const member of team.members) expect(await member.tell({ do: 'unsaved' })).toBe(0)
    await leader.restart()
    await team.advance(400)
    for (const subject of people) {
      served(team, await team.storm(subject, 20), 60)
      expect(team.as.outcomes(subject)).toEqual(['issued', 'rotated', 'rotated'])
    }
  })
})
