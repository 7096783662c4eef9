/** What is no call of a tool may be given operations: it is then decided, recorded and held as a call is. */
import { describe, expect, it } from 'vitest'
import { eras, legacy, namesIn, call } from './messages.ts'
import { answerTo, openStream, type Reached } from './upstream.ts'
import { startWorld, type World } from './world.ts'

const servers = `
  a:
    url: "{upstream}/a"
    allow: [anyone]
    tools:
      "*": { class: read, uses: [orders] }
      method:resources/read:
        class: read
        record: [uri]
        uses: [{ op: "orders GET /orders/{id}", bind: { path.id: uri } }]
      method:prompts/get: { class: read, uses: [orders], allow: ["group:developers"] }`

const get = async (world: World, authorization: string, path: string): Promise<string> => {
  const url = `${world.running.faces.egress.url}/downstream/orders${path}`
  const answer = await fetch(url, { headers: { authorization } })
  return answer.ok ? 'ok' : ((await answer.json()) as { code: string }).code
}

function say(reached: Reached, result: object): void {
  reached.response.writeHead(200, { 'content-type': 'application/json' })
  reached.response.end(answerTo(reached, { ...result }))
}

/** Holds what reaches the server open until the test has looked at its token. */
async function tokenOf(
  world: World,
  method: string,
  params: Record<string, unknown>,
  token?: string,
): Promise<string> {
  world.upstream.answer = (reached) => void openStream(reached).write(': hello\n\n')
  const answer = await world.open(legacy(method, params), token === undefined ? {} : { token })
  await answer.until(': hello')
  return world.upstream.seen.at(-1)!.headers.authorization!
}

describe('a method that is no call', () => {
  it('has the operations of its entry, with the parameters of the message, and is recorded as a call', async () => {
    const world = await startWorld({ servers })
    const token = await tokenOf(world, 'resources/read', { uri: '7', _meta: { x: 1 } })
    expect(await get(world, token, '/orders/7')).toBe('ok')
    expect(await get(world, token, '/orders/8')).toBe('call_parameter_mismatch')
    const [call] = world.record().filter(({ kind }) => kind === 'call')
    expect(call).toMatchObject({ tool: 'method:resources/read', class: 'read', parameters: { uri: '7' } })
    const [intent] = world.record().filter(({ kind }) => kind === 'intent')
    expect(intent?.['call']).toBe(call?.['call'])
  })

  it('ends with its answer', async () => {
    const world = await startWorld({ servers })
    let token = ''
    world.upstream.answer = (reached: Reached) => {
      token = reached.headers.authorization!
      say(reached, { contents: [] })
    }
    expect((await world.ask(legacy('resources/read', { uri: '7' }))).outcome).toBe('200')
    expect(await get(world, token, '/orders/7')).toBe('call_ended')
  })

  it('has none without an entry of its own: that for all other tools is for tools', async () => {
    const world = await startWorld({ servers })
    const token = await tokenOf(world, 'completion/complete', { ref: {} })
    expect(await get(world, token, '/orders/7')).toBe('downstream_not_granted')
    expect(world.record().filter(({ kind }) => kind === 'call')).toEqual([])
  })

  it('is refused to whom its entry does not allow, with the reason', async () => {
    const world = await startWorld({ servers })
    const before = world.upstream.seen.length
    for (const era of ['legacy', 'modern'] as const) {
      const refused = await world.ask(eras[era]('prompts/get', { name: 'x' }), { token: world.token('bob') })
      expect(refused.outcome).toBe('403 403 not_allowed')
    }
    expect(world.upstream.seen.length).toBe(before)
    const token = await tokenOf(world, 'prompts/get', { name: 'x' }, world.token('alice'))
    expect(await get(world, token, '/orders/7')).toBe('ok')
  })

  it('is not reached by a tool of its name, which does not exist', async () => {
    const world = await startWorld({ servers })
    const before = world.upstream.methods.length
    for (const message of Object.values(eras)) {
      const answer = await world.ask(message('tools/call', call('method:resources/read', { uri: '7' })))
      expect(answer.body['error']).toMatchObject({ code: -32602 })
    }
    expect(world.upstream.methods.length).toBe(before)
    world.upstream.answer = (reached) =>
      say(reached, { tools: [{ name: 'method:resources/read', inputSchema: {} }, { name: 'other' }] })
    const listed = await world.ask(legacy('tools/list'))
    expect(namesIn(listed.body)).toEqual(['other'])
  })
})
