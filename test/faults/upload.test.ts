import { once } from 'node:events'
import { describe, expect } from 'vitest'
import { held } from './held.ts'
import { honest, ok } from './hostile.ts'
import { both, read, type Rig } from './rig.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** Writes as much as is taken, until it is told to stop. */
async function pour(into: NodeJS.WritableStream, poured: { bytes: number; stop: boolean }): Promise<void> {
  const piece = Buffer.alloc(64 * KiB)
  while (!poured.stop && poured.bytes < 256 * MiB) {
    poured.bytes += piece.length
    if (!into.write(piece)) await once(into, 'drain')
  }
}

const lastStory = (rig: Rig) => rig.story(rig.requests().at(-1) ?? '')

describe('a downstream in the way of an upload', () => {
  both(
    'answers before the upload is over: the caller has the answer, and the connection is not used again',
    async (start) => {
      const rig = await start()
      rig.api.behave = ({ socket }) => {
        socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge')
      }
      const asked = rig.open('/uploads/1', 'PUT', { 'content-length': String(8 * MiB) })
      asked.write(Buffer.alloc(128 * KiB))
      const answer = await read(asked)
      asked.destroy()
      expect(answer).toMatchObject({ status: 413, body: 'large', end: 'whole' })
      expect(await rig.story(answer.id)).toMatchObject([{ class: 'write', result: 'done', status: 413 }])
      await expect.poll(() => rig.api.open.size).toBe(0)
      await rig.recovers()
    },
  )

  both('resets while the upload comes', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => setTimeout(() => socket.resetAndDestroy(), 30)
    const asked = rig.open('/uploads/1', 'PUT', { 'content-length': String(8 * MiB) })
    asked.write(Buffer.alloc(128 * KiB))
    const answer = await read(asked)
    asked.destroy()
    expect(answer).toMatchObject({ status: 502, code: 'downstream_failed' })
    expect(await rig.story(answer.id)).toMatchObject([
      { class: 'write', result: 'failed', reason: 'downstream_failed' },
    ])
    await rig.recovers()
  })

  both(
    'stops reading the upload: the caller is held back, what is buffered is bounded, and a time limit ends it',
    async (start) => {
      const rig = await start()
      rig.api.behave = (heard) => {
        if (heard.method === 'PUT') heard.socket.pause()
        else honest(heard)
      }
      const before = held()
      const asked = rig.open('/uploads/1', 'PUT', { 'transfer-encoding': 'chunked' })
      const answered = read(asked)
      const poured = { bytes: 0, stop: false }
      void pour(asked, poured)
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(held() - before).toBeLessThan(32 * MiB)
      expect((await rig.ask('/orders/5')).status).toBe(200)
      const answer = await answered
      poured.stop = true
      asked.destroy()
      expect(poured.bytes).toBeLessThan(64 * MiB)
      expect(answer).toMatchObject({ status: 504, code: 'downstream_timeout' })
      expect(await rig.story(answer.id)).toMatchObject([{ result: 'failed', reason: 'downstream_timeout' }])
      await rig.recovers()
    },
  )

  both('answers 401 twice: 502, two attempts in the record, and never the 401 itself', async (start) => {
    const rig = await start()
    rig.api.behave = ({ socket }) => {
      socket.write('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno')
    }
    const answer = await rig.ask('/orders', { method: 'POST', body: '{}' })
    expect(answer).toMatchObject({ status: 502, code: 'credential_refused' })
    expect(answer.headers['www-authenticate']).toBeUndefined()
    const story = await rig.story(answer.id)
    expect(story[0]).toMatchObject({ class: 'write', result: 'done', status: 401 })
    expect(story.at(-1)).toMatchObject({ reason: 'credential_refused' })
    await rig.recovers()
  })

  both('answers 401 and never comes to the end of it', async (start) => {
    const rig = await start({ limits: '{ connect: 1s, headers: 60s, idle: 60s }' })
    rig.api.behave = ({ socket }) => {
      socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nno')
    }
    const answer = await rig.ask()
    expect(answer).toMatchObject({ status: 502, code: 'credential_refused' })
    expect((await rig.story(answer.id))[0]).toMatchObject({ status: 401 })
    await rig.recovers()
  })
})

describe('a caller in the way of its own upload', () => {
  both('stalls a short one: 408, and nothing was recorded or sent', async (start) => {
    const rig = await start()
    const asked = rig.open('/orders', 'POST', { 'content-length': '10' })
    asked.write('half')
    const answer = await read(asked)
    expect(answer).toMatchObject({ status: 408, code: 'caller_stalled', end: 'whole' })
    expect(answer.headers.connection).toBe('close')
    expect(rig.requests()).toEqual([])
    expect(rig.api.heard).toEqual([])
    await rig.recovers()
  })

  both('stalls a long one: 408, and the downstream sees that it is broken off', async (start) => {
    const rig = await start({ limits: '{ connect: 1s, headers: 10s, idle: 1s }' })
    rig.api.behave = () => undefined
    const asked = rig.open('/uploads/1', 'PUT', { 'content-length': String(MiB) })
    asked.write(Buffer.alloc(100 * KiB))
    const answer = await read(asked)
    expect(answer).toMatchObject({ status: 408, code: 'caller_stalled' })
    expect(await rig.story(answer.id)).toMatchObject([{ result: 'aborted', reason: 'caller_stalled' }])
    await expect.poll(() => rig.api.open.size).toBe(0)
    await rig.recovers()
  })

  both('leaves in the middle of it', async (start) => {
    const rig = await start()
    rig.api.behave = () => undefined
    const asked = rig.open('/uploads/1', 'PUT', { 'content-length': String(MiB) })
    asked.write(Buffer.alloc(100 * KiB))
    await expect.poll(() => rig.api.heard.length).toBe(1)
    asked.destroy()
    await expect.poll(() => rig.api.open.size).toBe(0)
    expect(await lastStory(rig)).toMatchObject([{ class: 'write', result: 'aborted', reason: 'caller_left' }])
    await rig.recovers()
  })

  both('leaves before a short one has come: nothing was recorded or sent', async (start) => {
    const rig = await start()
    const asked = rig.open('/orders', 'POST', { 'content-length': '10' })
    asked.write('half')
    await new Promise((resolve) => setTimeout(resolve, 50))
    asked.destroy()
    await rig.recovers()
    expect(rig.api.heard.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })

  both('sends its body a byte at a time, and is given the time it takes', async (start) => {
    const rig = await start({ limits: '{ connect: 1s, headers: 1s, idle: 1s }' })
    rig.api.behave = ({ socket }) => {
      socket.on('data', (bytes: Buffer) => {
        if (String(bytes).endsWith('0\r\n\r\n')) socket.write(ok('{}'))
      })
    }
    const asked = rig.open('/uploads/1', 'PUT', { 'transfer-encoding': 'chunked' })
    for (let sent = 0; sent < 10; sent += 1) {
      asked.write('x')
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    asked.end()
    const answer = await read(asked)
    expect(answer).toMatchObject({ status: 200 })
    expect(await rig.story(answer.id)).toMatchObject([{ result: 'done', bytesIn: 10 }])
    await rig.recovers()
  })
})
