/** What of a call's parameters stands in its record: what the call is bound to, and what the tool names besides. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { filesBelow } from '../attack/scene.ts'
import { call, legacy } from './messages.ts'
import { startWorld } from './world.ts'

const servers = `
  a:
    url: "{upstream}/a"
    allow: [anyone]
    tools:
      write_order:
        class: write
        record: [why, card, token_kind]
        redact: [hidden, /card/number]
        uses:
          - op: orders POST /orders
            bind: { body.id: /order/id, body.secret: client_secret, body.password: password, body.x: hidden }
      read_order: { class: read, uses: ["orders GET /orders/{id}"] }`

const canary = 'hunter2-canary'

describe('the parameters of a call in its record', () => {
  it('are those that it is bound to and those that the tool names, but for secrets', async () => {
    const world = await startWorld({ servers })
    const args = {
      order: { id: 7, note: canary },
      client_secret: canary,
      password: canary,
      hidden: canary,
      why: 'Bearer abcdefghijkl',
      token_kind: 'gift',
      card: { number: canary, holder: 'A. Lice', pin: canary, list: [{ api_key: canary }] },
      other: canary,
    }
    expect((await world.ask(legacy('tools/call', call('write_order', args)))).outcome).toBe('200')
    expect((await world.ask(legacy('tools/call', call('read_order', args)))).outcome).toBe('200')
    const [write, read] = world.record().filter(({ kind }) => kind === 'call')
    expect(write?.['parameters']).toEqual({
      '/order/id': 7,
      why: 'Bearer [token removed]',
      token_kind: 'gift',
      card: { number: '[redacted]', holder: 'A. Lice', pin: '[redacted]', list: [{ api_key: '[redacted]' }] },
    })
    expect(read?.['parameters']).toBeUndefined()
    for (const file of filesBelow(world.running.folder))
      expect([file, readFileSync(file, 'latin1').includes(canary)]).toEqual([file, false])
  })

  it('are bounded, and can forge no line', async () => {
    const world = await startWorld({ servers })
    const args = { why: `x"}\n{"n":1}${'y'.repeat(9_000)}`, card: Array.from({ length: 900 }, () => 'long') }
    expect((await world.ask(legacy('tools/call', call('write_order', args)))).outcome).toBe('200')
    const record = world.record().find(({ kind }) => kind === 'call')
    expect(record?.['parameters'].card).toBe('[too long]')
    expect(JSON.stringify(record).length).toBeLessThan(4_000)
  })
})
