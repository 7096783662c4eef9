import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../kit/folder.ts'
import { mint } from '../kit/instance.ts'
import { honest } from './hostile.ts'
import { startRig } from './rig.ts'
import { canMount, mountSmallDisk } from './small-disk.ts'

const fresh = { timeout: 5000, interval: 50 }

describe.skipIf(!canMount())('a disk that is full', () => {
  it('while recording: 503 before anything is sent, for reads too; and what was begun gets its outcome when there is space', async () => {
    const folder = temporaryFolder()
    const disk = mountSmallDisk(join(folder, 'data/records'), '512k')
    const rig = await startRig({ folder })
    const { api, running } = rig
    expect((await rig.ask()).status).toBe(200)

    // One is under way when the disk fills up: it was recorded, so it is done.
    let finish = () => undefined as unknown
    api.behave = ({ socket }) => {
      finish = () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
    }
    const underWay = rig.ask('/orders/7')
    await expect.poll(() => api.heard.length).toBe(2)
    api.behave = honest
    disk.fill()

    const reached = api.heard.length
    const refused = []
    // What fits into the last block is still taken, and is on the disk.
    await expect
      .poll(async () => (await rig.ask('/orders', { method: 'POST', body: '{}' })).code, fresh)
      .toBe('record_unavailable')
    for (const [path, method] of [
      ['/orders/1', 'GET'],
      ['/orders', 'POST'],
      ['/uploads/1', 'PUT'],
    ] as const) {
      const answer = await rig.ask(path, method === 'GET' ? {} : { method, body: '{}' })
      expect([path, answer.status, answer.code]).toEqual([path, 503, 'record_unavailable'])
      expect(answer.headers['retry-after']).toBe('1')
      refused.push(answer.id)
    }
    expect(api.heard.slice(reached).filter(({ method }) => method !== 'GET')).toEqual([])
    const minted = await running.admin('POST', '/v1/dev/tokens', { user: 'bob', ttl: 60 })
    expect((await mint(running, 'crm', String(minted.body['token']))).body['code']).toBe('record_unavailable')

    finish()
    const done = await underWay
    expect(done).toMatchObject({ status: 200, body: '{}' })

    disk.free()
    await expect.poll(async () => (await rig.ask()).status, fresh).toBe(200)
    expect(await rig.story(done.id)).toMatchObject([{ result: 'done', status: 200 }])
    for (const id of refused) expect(rig.requests()).not.toContain(id)
    expect((await mint(running, 'crm', String(minted.body['token']))).status).toBe(200)
    await rig.recovers()
  }, 30_000)

  it('for everything: state and secrets too; nothing is half done, and it goes on when there is space', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'data'), { recursive: true })
    const disk = mountSmallDisk(join(folder, 'data'), '2m')
    const rig = await startRig({
      folder,
      more: `  mine:
    url: "http://127.0.0.1:1"
    static: { header: X-Key, per: user }
    operations: [{ op: "GET /me", class: read }]
`,
    })
    const { running, api } = rig
    expect((await rig.ask()).status).toBe(200)
    disk.fill()
    await expect
      .poll(async () => (await rig.ask('/orders', { method: 'POST', body: '{}' })).code, fresh)
      .toBe('record_unavailable')
    const reached = api.heard.length
    expect((await rig.ask()).code).toBe('record_unavailable')
    expect(api.heard.length).toBe(reached)
    const connected = await running.admin('POST', '/v1/connections', {
      downstream: 'mine',
      user: 'alice',
      value: 'the-key-of-alice',
    })
    expect(connected.status).toBe(503)
    const revoked = await running.admin('POST', '/v1/revocations', {
      scope: { kind: 'user', id: 'alice' },
      cause: 'x',
    })
    expect(revoked.status).toBe(503)
    expect((await running.admin('GET', '/v1/status')).status).toBe(200)

    disk.free()
    await expect.poll(async () => (await rig.ask()).status, fresh).toBe(200)
    const { body } = await running.admin('GET', '/v1/connections')
    expect(JSON.stringify(body)).not.toContain('"active"')
    await rig.recovers()
    const again = await running.admin('POST', '/v1/connections', {
      downstream: 'mine',
      user: 'alice',
      value: 'the-key-of-alice',
    })
    expect(again.status).toBe(200)
    const now = await running.admin('POST', '/v1/revocations', {
      scope: { kind: 'user', id: 'alice' },
      cause: 'x',
    })
    expect(now.status).toBe(200)
    expect((await rig.ask()).status).toBe(401)
  }, 30_000)
})
