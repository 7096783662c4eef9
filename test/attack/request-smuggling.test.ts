import { createServer, type IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listen, stop } from '../egress/world.ts'
import { fuzzRuns } from '../fuzz/runs.ts'
import { filled, rawRequests, readCorpus, tryBytes } from '../fuzz/smuggling.ts'
import { openLine, still } from '../kit/raw.ts'
import { clients, type RawWorld, startRawWorld } from './over.ts'

describe.each(clients)(
  'A46 smuggling: each request is read once, by us and downstream, over %s',
  (client) => {
    let egress: RawWorld
    beforeEach(async () => {
      egress = await startRawWorld(client)
    })
    afterEach(() => egress.world.close())

    const corpus = readCorpus()
    const refused = corpus.filter(({ sent }) => sent.length === 0)
    const taken = corpus.filter(({ sent }) => sent.length > 0)

    it.each(refused.map((one) => [one.family, one.name, one] as const))(
      'refuses it and sends nothing (RFC 9112 §11.2): %s, %s',
      async (_family, _name, { raw }) => {
        const { sent, statuses } = await tryBytes(egress, filled(raw))
        expect(sent).toEqual([])
        for (const status of statuses) expect([400, 401, 403, 404, 405, 407, 417]).toContain(status)
      },
    )

    it.each(refused.map((one) => [one.family, one.name, one] as const))(
      'refuses it when it comes byte by byte as well: %s, %s',
      async (_family, _name, { raw }) => {
        const bytes = filled(raw)
        // All of a head comes in one piece up to where it may be wrong: that costs no turns.
        const from = Math.max(0, bytes.indexOf('Authorization'))
        const cuts = Array.from(
          { length: Math.min(120, bytes.length - from) },
          (_, index) => bytes.length - index,
        )
        expect((await tryBytes(egress, bytes, { cuts })).sent).toEqual([])
      },
    )

    it.each(taken.map((one) => [one.family, one.name, one] as const))(
      'sends what it read and nothing else, each with one credential: %s, %s',
      async (_family, _name, { raw, sent: expected }) => {
        const answers = expected.length
        const { sent, statuses } = await tryBytes(egress, filled(raw), { answers })
        expect([...sent].sort()).toEqual([...expected].sort())
        expect(statuses.filter((status) => status === 200)).toHaveLength(expected.length)
      },
    )

    /** What Node's server reads in the very bytes that the downstream was sent. */
    const readByNode = async () => {
      const read: Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders'>[] = []
      const server = createServer(({ method, url, rawHeaders }, response) => {
        read.push({ method, url, rawHeaders })
        response.end()
      })
      const port = await listen(server)
      for (const { bytes } of egress.downstream.connections) {
        const motion = { count: 0 }
        const line = await openLine(port, motion)
        line.send(bytes)
        await still(motion)
        line.socket.destroy()
      }
      server.closeAllConnections()
      await stop(server)
      return read
    }

    it('sends bytes in which another parser, Node’s, finds the same requests', async () => {
      for (const { raw, sent } of corpus) await tryBytes(egress, filled(raw), { answers: sent.length })
      const ours = egress.downstream.connections.flatMap(({ read }) => read.messages)
      const read = await readByNode()
      expect(ours.length).toBeGreaterThan(20)
      // It tells of a request by its head, so of those too whose body was broken off.
      const told = read.map(({ method, url }) => `${method} ${url} HTTP/1.1`)
      expect(told.filter((start) => ours.some((it) => it.start === start)).length).toBe(told.length)
      const broken = egress.downstream.connections.filter((it) => it.read.rest.length > 0)
      expect(told.length).toBe(ours.length + broken.length)
      for (const { rawHeaders } of read)
        expect(rawHeaders.filter((name) => /^authorization$/i.test(name))).toHaveLength(1)
    })

    it('reads every mutation of a request once, however it is cut (what was found is kept in the corpus)', {
      timeout: 600_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(rawRequests, fc.array(fc.nat(), { maxLength: 3 }), async (raw, cuts) => {
          await tryBytes(egress, filled(raw), { cuts })
        }),
        { numRuns: fuzzRuns(150) },
      )
    })
  },
)
