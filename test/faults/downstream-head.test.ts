import { describe, expect } from 'vitest'
import { ok, trickle } from './hostile.ts'
import { both, type Rig } from './rig.ts'

/** The answer and record of a read whose downstream never came to an answer. */
async function expectFailure(rig: Rig, status: number, code: string): Promise<void> {
  const answer = await rig.ask()
  expect(answer).toMatchObject({ status, code, end: 'whole' })
  expect(answer.headers['retry-after']).toBe('1')
  expect(await rig.story(answer.id)).toEqual([
    { class: 'read', result: 'failed', reason: code, bytesIn: 0, bytesOut: 0 },
  ])
  await rig.recovers()
}

function* repeated(text: string, times: number): Generator<string> {
  for (let index = 0; index < times; index += 1) yield text
}

describe('a downstream that does not come to the head of an answer', () => {
  both('refuses connections', async (start) => {
    const rig = await start()
    await rig.api.down()
    const refused = expectFailure({ ...rig, recovers: async () => undefined }, 502, 'downstream_unreachable')
    await refused
    await rig.api.up()
    await rig.recovers()
  })

  both('resets each connection as it comes', async (start) => {
    const rig = await start()
    rig.api.greet = (socket) => socket.resetAndDestroy()
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('resets when it has the request', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => socket.resetAndDestroy()
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('closes in good order when it has the request', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => socket.end()
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('never answers', async (start) => {
    const rig = await start()
    rig.api.behave = () => undefined
    await expectFailure(rig, 504, 'downstream_timeout')
  })

  both('sends the head of its answer byte by byte', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => trickle(socket, `HTTP/1.1 200 OK\r\nX-Slow: ${'y'.repeat(500)}`, 20)
    await expectFailure(rig, 504, 'downstream_timeout')
  })

  both('resets in the middle of the head', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.resetAndDestroy())
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('closes in the middle of the head', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nContent-Le')
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('sends headers without end', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      trickle(socket, repeated(`X-More: ${'m'.repeat(1000)}\r\n`, 1e9), 1)
    }
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('sends one header of a mebibyte', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) =>
      socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${'m'.repeat(1024 * 1024)}\r\nContent-Length: 0\r\n\r\n`)
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('answers with what is not HTTP', async (start) => {
    const rig = await start()
    const garbage = [
      'SSH-2.0-OpenSSH_9.6\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'HTTP/9.9 200 OK\r\n\r\n',
      'HTTP/1.1 abc OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
      'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n',
    ]
    rig.api.behave = ({ socket, path }) => socket.write(garbage[Number(path.slice(8))] ?? '', 'latin1')
    await Promise.all(
      garbage.map(async (_text, index) => {
        const answer = await rig.ask(`/orders/${index}`)
        // Where it could still become the head of an answer, it is waited for.
        const code = answer.status === 504 ? 'downstream_timeout' : 'downstream_failed'
        expect([index, answer.code]).toEqual([index, code])
        expect(await rig.story(answer.id)).toMatchObject([{ result: 'failed', reason: code }])
      }),
    )
    await rig.recovers()
  })
})

describe('a downstream that sends informational answers', () => {
  both('is waited for past some of them, and none reaches the caller', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'.repeat(30))
      socket.write(ok('{"late":true}'))
    }
    const answer = await rig.ask()
    expect(answer).toMatchObject({ status: 200, body: '{"late":true}' })
    expect(answer.headers['link']).toBeUndefined()
    await rig.recovers()
  })

  both('is left when it sends thousands of them', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(5000))
      socket.write(ok('{"late":true}'))
    }
    await expectFailure(rig, 502, 'downstream_failed')
  })

  both('and nothing else, is left when the time for a head is up', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => trickle(socket, repeated('HTTP/1.1 102 Processing\r\n\r\n', 1e9), 100)
    await expectFailure(rig, 504, 'downstream_timeout')
  })
})
