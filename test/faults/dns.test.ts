import { describe, expect } from 'vitest'
import type { Lookup } from '../../src/egress/index.ts'
import { both, type Start } from './rig.ts'

type Found = readonly string[] | 'ENOTFOUND' | 'EAI_AGAIN' | 'silence'

/** A resolver that answers as the test says. */
function resolver() {
  const it = {
    answer: ['127.0.0.1'] as Found,
    asked: 0,
    lookup: ((_name, _options, done) => {
      it.asked += 1
      const { answer } = it
      if (answer === 'silence') return
      setImmediate(() => {
        if (typeof answer === 'string') done(Object.assign(new Error(answer), { code: answer }), [])
        else
          done(
            null,
            answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
          )
      })
    }) satisfies Lookup,
  }
  return it
}

async function flapping(start: Start) {
  const dns = resolver()
  const rig = await start({
    url: (port) => `http://orders.internal:${port}`,
    insecure: true,
    allow: ['127.0.0.1/32'],
    machine: { lookup: (...asked) => dns.lookup(...asked) },
  })
  /** So that the next request has to connect anew. */
  const fresh = async () => {
    for (const socket of rig.api.open) socket.destroy()
    await expect.poll(() => rig.api.open.size).toBe(0)
  }
  return { dns, rig, fresh }
}

describe('a name server that flaps', () => {
  both('does not know the name, or fails for now: 502, and the next answer of it is taken', async (start) => {
    const { dns, rig, fresh } = await flapping(start)
    for (const failure of ['ENOTFOUND', 'EAI_AGAIN', 'ENOTFOUND'] as const) {
      dns.answer = failure
      const answer = await rig.ask()
      expect(answer).toMatchObject({ status: 502, code: 'downstream_unreachable' })
      expect(await rig.story(answer.id)).toMatchObject([
        { result: 'failed', reason: 'downstream_unreachable' },
      ])
      dns.answer = ['127.0.0.1']
      await rig.recovers()
      await fresh()
    }
  })

  both('keeps silent: 504 when the time for a connection is up', async (start) => {
    const { dns, rig } = await flapping(start)
    dns.answer = 'silence'
    const answer = await rig.ask()
    expect(answer).toMatchObject({ status: 504, code: 'downstream_timeout' })
    expect(await rig.story(answer.id)).toMatchObject([{ result: 'failed', reason: 'downstream_timeout' }])
    dns.answer = ['127.0.0.1']
    await rig.recovers()
  })

  both(
    'alternates between the downstream and addresses that are not to be dialled: none of those is',
    async (start) => {
      const { dns, rig, fresh } = await flapping(start)
      for (const [address, code] of [
        ['127.0.0.2', 'address_refused'],
        ['169.254.169.254', 'address_refused'],
        ['::ffff:127.0.0.2', 'address_refused'],
        ['0.0.0.0', 'address_refused'],
      ] as const) {
        dns.answer = [address]
        const answer = await rig.ask()
        expect([address, answer.status, answer.code]).toEqual([address, 502, code])
        expect(await rig.story(answer.id)).toMatchObject([{ result: 'failed', reason: code }])
        dns.answer = [address, '127.0.0.1']
        expect((await rig.ask()).status).toBe(200)
        dns.answer = ['127.0.0.1']
        await rig.recovers()
        await fresh()
      }
    },
  )

  both(
    'does not disturb what is connected: a connection is used until it ends, and the name is asked for then',
    async (start) => {
      const { dns, rig, fresh } = await flapping(start)
      expect((await rig.ask()).status).toBe(200)
      const { asked } = dns
      dns.answer = 'ENOTFOUND'
      expect((await rig.ask()).status).toBe(200)
      expect(dns.asked).toBe(asked)
      await fresh()
      expect((await rig.ask()).status).toBe(502)
    },
  )
})
