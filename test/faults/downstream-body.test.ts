import { describe, expect } from 'vitest'
import { ok, trickle } from './hostile.ts'
import { both, type Rig } from './rig.ts'

const head = (...lines: string[]): string => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n')

/** The caller has the head and a part, and sees that it is a part. */
async function expectCut(rig: Rig, begun: string, code = 'downstream_failed'): Promise<void> {
  const answer = await rig.ask()
  expect(answer).toMatchObject({ status: 200, end: 'cut' })
  expect(begun.startsWith(answer.body)).toBe(true)
  expect(await rig.story(answer.id)).toMatchObject([
    { class: 'read', result: 'failed', status: 200, reason: code },
  ])
  await rig.recovers()
}

describe('a downstream that breaks its answer off', () => {
  both('resets in the middle of a body of declared length', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write(`${head('Content-Length: 100')}half`)
      setTimeout(() => socket.resetAndDestroy(), 30)
    }
    await expectCut(rig, 'half')
  })

  both('resets in the middle of a chunked body', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write(`${head('Transfer-Encoding: chunked')}4\r\nhalf\r\n`)
      setTimeout(() => socket.resetAndDestroy(), 30)
    }
    await expectCut(rig, 'half')
  })

  both('closes in good order before the declared length, or before the last chunk', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => socket.end(`${head('Content-Length: 100')}half`)
    await expectCut(rig, 'half')
    rig.api.behave = ({ socket }) => socket.end(`${head('Transfer-Encoding: chunked')}4\r\nhalf\r\n`)
    await expectCut(rig, 'half')
    rig.api.behave = ({ socket }) => socket.end(`${head('Transfer-Encoding: chunked')}9\r\nhalf`)
    await expectCut(rig, 'half')
  })

  both('breaks the framing of its chunks', async (start) => {
    const rig = await start()
    const chunks = [
      '4\r\nhalfZZ\r\n',
      'zz\r\nhalf\r\n',
      '-4\r\nhalf\r\n',
      '4\r\nhalf\r\nffffffffffffffffff\r\n',
    ]
    rig.api.behave = ({ socket, path }) =>
      socket.write(`${head('Transfer-Encoding: chunked')}${chunks[Number(path.slice(8))] ?? ''}`)
    await Promise.all(
      chunks.map(async (_text, index) => {
        // A head that came together with the fault may have gone to the caller, or not.
        const answer = await rig.ask(`/orders/${index}`).catch(() => undefined)
        const told = answer === undefined || answer.end === 'cut' || answer.code === 'downstream_failed'
        expect([index, told]).toEqual([index, true])
      }),
    )
    for (const id of rig.requests())
      expect(await rig.story(id)).toMatchObject([{ result: 'failed', reason: 'downstream_failed' }])
    await rig.recovers()
  })

  both('resets a body whose end is only the end of the connection', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write(`${head('Connection: close')}half`)
      setTimeout(() => socket.resetAndDestroy(), 30)
    }
    await expectCut(rig, 'half')
  })

  both(
    'and closes in good order where the close is the end, has answered: that is whole (RFC 9112 §6.3)',
    async (start) => {
      const rig = await start()
      rig.api.behave = ({ socket }) => socket.end(`${head('Connection: close')}whole`)
      const answer = await rig.ask()
      expect(answer).toMatchObject({ status: 200, end: 'whole', body: 'whole' })
      await rig.recovers()
    },
  )

  both('falls silent in the middle of a body', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => socket.write(`${head('Content-Length: 100')}half`)
    await expectCut(rig, 'half', 'downstream_timeout')
  })
})

describe('a downstream that is slow', () => {
  both('but sends a byte now and then, is given the time it takes', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write(head('Content-Length: 20'))
      trickle(socket, 'twenty bytes, slowly', 100)
    }
    const answer = await rig.ask()
    expect(answer).toMatchObject({ status: 200, end: 'whole', body: 'twenty bytes, slowly' })
    expect(await rig.story(answer.id)).toMatchObject([{ result: 'done', status: 200, bytesOut: 20 }])
    await rig.recovers()
  })
})

describe('a downstream that lies about the length of its answer', () => {
  const poison = `${head('Content-Length: 6')}poison`

  both(
    'sends more than it declared: the surplus reaches nobody, neither this caller nor the next on that connection',
    async (start) => {
      const rig = await start()
      rig.api.behave = ({ socket, path }) => {
        socket.write(path === '/orders/lie' ? `${ok('{}')}${poison}` : ok(JSON.stringify({ path })))
      }
      for (let round = 0; round < 10; round += 1) {
        const lied = await rig.ask('/orders/lie')
        expect(lied).toMatchObject({ status: 200, body: '{}', end: 'whole' })
        expect(await rig.story(lied.id)).toMatchObject([{ result: 'done', status: 200 }])
        const next = await rig.ask(`/orders/${round}`)
        expect(next).toMatchObject({ status: 200, body: `{"path":"/orders/${round}"}` })
      }
      await rig.recovers()
    },
  )

  both('sends the surplus after a pause, onto a connection that waits in the pool', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket, path }) => {
      socket.write(ok(JSON.stringify({ path })))
      if (path === '/orders/lie') setTimeout(() => socket.write(poison), 20)
    }
    await rig.ask('/orders/lie')
    await expect.poll(() => rig.api.open.size).toBe(0)
    expect(await rig.ask('/orders/7')).toMatchObject({ status: 200, body: '{"path":"/orders/7"}' })
    await rig.recovers()
  })

  both('sends a body where there is none: after HEAD, 204 and 304', async (start) => {
    const rig = await start()
    for (const status of ['204 No Content', '304 Not Modified']) {
      rig.api.behave = ({ socket, path }) => {
        socket.write(
          path === '/orders/lie'
            ? `HTTP/1.1 ${status}\r\nContent-Length: ${poison.length}\r\n\r\n${poison}`
            : ok(JSON.stringify({ path })),
        )
      }
      expect(await rig.ask('/orders/lie')).toMatchObject({ status: Number(status.slice(0, 3)), body: '' })
      expect(await rig.ask('/orders/8')).toMatchObject({ status: 200, body: '{"path":"/orders/8"}' })
    }
    await rig.recovers()
  })
})
