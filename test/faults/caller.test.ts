import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect } from 'vitest'
import { held } from './held.ts'
import { type Heard, honest } from './hostile.ts'
import { both, type Rig } from './rig.ts'

const MiB = 1024 * 1024

/** Sends an answer without end, as fast as it is taken, and counts. */
function pouring(sent: { bytes: number }) {
  const piece = Buffer.alloc(64 * 1024, 'x')
  return ({ socket }: Heard): void => {
    socket.write(
      'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999999999\r\n\r\n',
    )
    const more = () => {
      while (!socket.destroyed) {
        sent.bytes += piece.length
        if (!socket.write(piece)) return
      }
    }
    socket.on('drain', more)
    more()
  }
}

/** A request by a caller who sends it and then does not read. */
function mute(rig: Rig, path = '/orders/1') {
  const at = new URL(rig.running.egress)
  const socket = connect(Number(at.port), at.hostname, () => {
    socket.write(
      `GET /downstream/api${path} HTTP/1.1\r\nHost: ${at.host}\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`,
    )
  })
  socket.pause()
  socket.on('error', () => undefined)
  return socket
}

const lastStory = (rig: Rig) => rig.story(rig.requests().at(-1) ?? '')

describe('a caller that never reads', () => {
  both(
    'holds its downstream back, keeps nobody else waiting, and is let go after the idle limit',
    async (start) => {
      const rig = await start({ limits: '{ connect: 1s, headers: 5s, idle: 3s }' })
      const sent = { bytes: 0 }
      rig.api.behave = (heard) => (heard.path === '/orders/1' ? pouring(sent)(heard) : honest(heard))
      const before = held()
      const socket = mute(rig)
      await expect.poll(() => sent.bytes).toBeGreaterThan(0)
      let former = -1
      await expect
        .poll(
          () => {
            const still = sent.bytes === former
            former = sent.bytes
            return still
          },
          { interval: 200, timeout: 3000 },
        )
        .toBe(true)
      expect(sent.bytes).toBeLessThan(64 * MiB)
      expect(held() - before).toBeLessThan(16 * MiB)
      expect((await rig.ask('/orders/2')).status).toBe(200)
      expect(rig.running.instance.replica.live.size).toBe(1)
      await expect.poll(() => rig.running.instance.replica.live.size, { timeout: 10_000 }).toBe(0)
      const [id = ''] = rig.requests()
      expect(await rig.story(id)).toMatchObject([
        { class: 'read', result: 'aborted', status: 200, reason: 'caller_stalled' },
      ])
      socket.destroy()
      await rig.recovers()
    },
  )

  both('but reads again in time, has lost nothing', async (start) => {
    const rig = await start({ limits: '{ connect: 1s, headers: 30s, idle: 30s }' })
    const body = Buffer.alloc(12 * MiB, 'x')
    rig.api.behave = ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`)
      socket.write(body)
    }
    const socket = mute(rig)
    await expect.poll(() => rig.running.instance.replica.live.size).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 200))
    let got = 0
    socket.on('data', (bytes: Buffer) => (got += bytes.length))
    socket.resume()
    await expect.poll(() => got, { timeout: 25_000 }).toBeGreaterThan(body.length)
    expect(await lastStory(rig)).toMatchObject([{ result: 'done', bytesOut: body.length }])
    socket.destroy()
    await rig.recovers()
  })
})

describe('a caller that leaves', () => {
  both('in the middle of an answer: the downstream sees it end', async (start) => {
    const rig = await start()
    rig.api.behave = pouring({ bytes: 0 })
    const asked = rig.open('/orders/1', 'GET')
    asked.end()
    const [response] = await once(asked, 'response')
    await once(response, 'data')
    asked.destroy()
    await expect.poll(() => rig.api.open.size).toBe(0)
    expect(await lastStory(rig)).toMatchObject([{ result: 'aborted', status: 200, reason: 'caller_left' }])
    await rig.recovers()
  })

  both('before the answer: the downstream sees it end', async (start) => {
    const rig = await start()
    rig.api.behave = () => undefined
    const asked = rig.open('/orders/1', 'GET')
    asked.end()
    await expect.poll(() => rig.api.heard.length).toBe(1)
    asked.destroy()
    await expect.poll(() => rig.api.open.size).toBe(0)
    expect(await lastStory(rig)).toMatchObject([{ result: 'aborted', reason: 'caller_left' }])
    await rig.recovers()
  })
})
