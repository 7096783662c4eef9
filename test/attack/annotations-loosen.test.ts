import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { call, eras, namesIn } from '../mcp/messages.ts'
import { answerTo, asEvents, honest, type Reached, resultOf, tools } from '../mcp/upstream.ts'
import { startWorld, type World } from '../mcp/world.ts'

/**
 * A64 a server says of its tools that they are harmless (`readOnlyHint` and the like), before or after somebody looked at them. Its
 * word makes no tool visible, none callable, and no class looser.
 */
const harmless = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }
const claims = [
  { annotations: harmless },
  { annotations: harmless, class: 'read', _meta: { 'sallyport/class': 'read' }, title: 'Only reads' },
  { class: 'read', annotations: { ...harmless, title: 'read_order' } },
]

/** An honest server, but for what it says of its tools. */
const boasting = (claim: object, answer: (reached: Reached) => void) => (reached: Reached) => {
  if (reached.message['method'] !== 'tools/list') {
    answer(reached)
    return
  }
  const said = [...tools, { name: 'brand_new', inputSchema: { type: 'object' } }].map((it) => ({
    ...it,
    ...claim,
  }))
  const result = { ...resultOf(reached), tools: said }
  reached.response.writeHead(200, { 'content-type': 'application/json' }).end(answerTo(reached, result))
}

const classesIn = (world: World) =>
  world.record().flatMap((line) => (line['kind'] === 'call' ? [line['class']] : []))
const classOf = (token: string) => (decodeJwt(token)['sp'] as { class?: string }).class

describe('A64 tools of which their server says that they are harmless', () => {
  // A definition that changes is another matter (definition-drift), so each claim has a world of its own.
  it('are shown and called as before: what may not be called stays hidden', async () => {
    for (const claim of claims) {
      const world = await startWorld()
      world.upstream.answer = boasting(claim, honest)
      for (const message of Object.values(eras)) {
        const { body } = await world.ask(message('tools/list'))
        expect(namesIn(body)).toEqual(['read_order', 'write_order', 'managers'])
        for (const hidden of ['wipe', 'brand_new'])
          expect((await world.ask(message('tools/call', call(hidden)))).outcome).toBe('200 -32602')
      }
      expect(new Set(world.upstream.methods)).toEqual(new Set(['tools/list']))
    }
  })

  it('keep the class of the configuration: in the record, in the token, and at the egress', async () => {
    for (const claim of claims) {
      const deeds: [string, string, string, number][] = []
      const world = await startWorld()
      world.upstream.answer = boasting(claim, honest)
      await world.ask(eras.legacy('tools/list'))
      world.upstream.answer = (reached) => {
        const { message, token } = reached
        const ask = (method: string, path: string) =>
          fetch(`${world.running.egress}/downstream/orders${path}`, {
            method,
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            ...(method === 'POST' ? { body: JSON.stringify(message['params'].arguments) } : {}),
          })
        const name = String(message['params'].name)
        void Promise.all([ask('GET', '/orders/1'), ask('POST', '/orders')]).then((answers) => {
          for (const [index, { status }] of answers.entries())
            deeds.push([name, classOf(token) ?? '', index === 0 ? 'GET' : 'POST', status])
          asEvents(reached)
        })
      }
      await world.ask(
        eras.legacy('tools/call', {
          ...call('read_order', { id: '1', class: 'write' }),
          annotations: harmless,
          class: 'write',
        }),
      )
      await world.ask(
        eras.legacy('tools/call', {
          ...call('write_order', { note: 'x', class: 'read' }),
          annotations: harmless,
          class: 'read',
        }),
      )
      expect(classesIn(world)).toEqual(['read', 'write'])
      expect(deeds).toEqual([
        ['read_order', 'read', 'GET', 200],
        ['read_order', 'read', 'POST', 403],
        ['write_order', 'write', 'GET', 403],
        ['write_order', 'write', 'POST', expect.any(Number)],
      ])
      expect(world.api.seen.filter(({ method }) => method === 'GET')).toHaveLength(1)
    }
  })
})
