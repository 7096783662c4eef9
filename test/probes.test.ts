import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createProbes } from '../src/probes.ts'
import { steppedClock } from './kit/stepped-clock.ts'

async function world() {
  const clock = steppedClock()
  let made = 0
  const probes = createProbes({ clock, random: (bytes) => Buffer.alloc(bytes, (made += 1)) })
  const server = createServer((request, response) => {
    if (!probes.take(request, response)) response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const ask = async (id: string, more: RequestInit = {}) => {
    const headers = { 'sallyport-probe': id, ...(more.headers as object) }
    const answer = await fetch(`http://127.0.0.1:${port}/mcp?x=%2F`, { ...more, headers })
    return { status: answer.status, text: await answer.text() }
  }
  return { clock, probes, ask }
}

test('a probe is answered with what was seen, headers as digests', async () => {
  const { probes, ask } = await world()
  const id = probes.open()
  const { status, text } = await ask(id, {
    method: 'POST',
    body: 'abc',
    headers: { authorization: 'Bearer x' },
  })
  expect(status).toBe(200)
  expect(JSON.parse(text)).toMatchObject({
    probe: id,
    count: 1,
    method: 'POST',
    path: '/mcp?x=%2F',
    body: { bytes: 3 },
  })
  expect(text).not.toContain('Bearer')
  expect(JSON.parse((await ask(id)).text)).toMatchObject({ count: 2 })
})

test('another id is none, also while one is open', async () => {
  const { probes, ask } = await world()
  probes.open()
  expect((await ask('x'.repeat(32))).status).toBe(404)
})

test('it ends after a minute, and after so many requests', async () => {
  const { clock, probes, ask } = await world()
  const first = probes.open()
  clock.advance(59)
  expect((await ask(first)).status).toBe(200)
  clock.advance(1)
  expect((await ask(first)).status).toBe(404)
  const second = probes.open()
  for (let asked = 0; asked < 64; asked += 1) expect((await ask(second)).status).toBe(200)
  expect((await ask(second)).status).toBe(404)
})

test('a stream is written in two parts', async () => {
  const { probes, ask } = await world()
  const began = performance.now()
  const { text } = await ask(probes.open(), { headers: { accept: 'text/event-stream' } })
  expect(text.match(/^data: /gm)).toHaveLength(2)
  expect(performance.now() - began).toBeGreaterThan(1_400)
})
