import { describe, expect, it } from 'vitest'
import { createRequestStates } from '../../src/mcp/request-state.ts'
import { createSeal } from '../../src/storage/index.ts'
import { type Access, type JsonObject, Secret } from '../../src/model/index.ts'
import { modernBody, modernHeaders, modernVersion, versionKey } from '../mcp/messages.ts'
import { startWorld, type World } from '../mcp/world.ts'
import { handClock } from '../policy/budgets/calls.ts'

/**
 * A63 what a client brings back after it was asked: for other parameters, for another person, tool, client or server, altered,
 * late, again, and twice at once. It permits nothing by itself, and is good for one request.
 */
const servers = ['a', 'b']
  .map(
    (name) => `
  ${name}:
    url: "{upstream}/at-${name}"
    allow: [anyone]
    tools:
      mine: { class: read, uses: [own] }
      mine_too: { class: read, uses: [own] }`,
  )
  .join('')

const start = () =>
  startWorld({
    servers,
    more: `  own:
    url: http://127.0.0.1:1
    resource: https://own.example
    static: { header: X-Api-Key, per: user }
    operations: [{ op: GET /me, class: read }]`,
  })

const refused = '400 -32602 request_state_invalid'
const capabilities = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } } }

interface More {
  readonly tool?: string
  readonly args?: object
  readonly token?: string
  readonly path?: string
  readonly [name: string]: unknown
}

async function ask(world: World, { tool = 'mine', args = { id: 1 }, token, path, ...more }: More = {}) {
  const _meta = { [versionKey]: modernVersion, ...capabilities }
  const body = modernBody('tools/call', { name: tool, arguments: args, ...more, _meta })
  const headers = modernHeaders({ 'Mcp-Method': 'tools/call', 'Mcp-Name': tool })
  const asked = { ...(token === undefined ? {} : { token }), ...(path === undefined ? {} : { path }) }
  return world.ask({ headers, body }, asked)
}

async function stateOf(world: World, more: More = {}): Promise<string> {
  const { body } = await ask(world, more)
  expect(body['result']).toMatchObject({ resultType: 'input_required' })
  return body['result'].requestState as string
}

const inputResponses = { 'sallyport.connect.own': { action: 'accept' } }

async function connect(world: World, user: string): Promise<void> {
  for (const server of ['a', 'b']) {
    const said = { downstream: 'own', server, user, value: `the-key-of-${user}` }
    expect((await world.running.admin('POST', '/v1/connections', said)).status).toBe(200)
  }
}

describe('A63 what is brought back after asking', () => {
  it('lets the one call go on that was asked about, and its server does not see it', async () => {
    const world = await start()
    const requestState = await stateOf(world)
    await connect(world, 'alice')
    const theirs = { 'server.own': { action: 'accept' } }
    const answer = await ask(world, { requestState, inputResponses: { ...inputResponses, ...theirs } })
    expect(answer.outcome).toBe('200')
    const [reached] = world.upstream.seen
    expect(reached?.message['params']).toMatchObject({ name: 'mine', inputResponses: theirs })
    expect(reached?.body).not.toMatch(/sallyport|requestState/)
  })

  it('permits nothing: who is not connected is asked anew, whatever he says he has done', async () => {
    const world = await start()
    const requestState = await stateOf(world)
    const again = await ask(world, { requestState, inputResponses })
    expect(again.body['result']).toMatchObject({ resultType: 'input_required' })
    expect(again.body['result'].requestState).not.toBe(requestState)
    expect(world.upstream.methods).toEqual([])
  })

  it.each<[string, (world: World) => More]>([
    ['other parameters', () => ({ args: { id: 2 } })],
    ['more parameters', () => ({ args: { id: 1, all: true } })],
    ['no parameters', () => ({ args: {} })],
    ['another tool', () => ({ tool: 'mine_too' })],
    ['another person', (world) => ({ token: world.token('bob') })],
    ['another client', (world) => ({ token: world.token('alice', 'a', 'another') })],
    ['another server', (world) => ({ token: world.token('alice', 'b'), path: '/b/mcp' })],
  ])('is refused for %s', async (_, other) => {
    const world = await start()
    const requestState = await stateOf(world)
    await connect(world, 'alice')
    await connect(world, 'bob')
    expect((await ask(world, { ...other(world), requestState, inputResponses })).outcome).toBe(refused)
    expect(world.upstream.methods).toEqual([])
    // Whom it is for has lost nothing by it.
    expect((await ask(world, { requestState, inputResponses })).outcome).toBe('200')
  })

  it('is good once, also for two who come at the same time', async () => {
    const world = await start()
    const [first, second] = [await stateOf(world), await stateOf(world)]
    await connect(world, 'alice')
    expect((await ask(world, { requestState: first, inputResponses })).outcome).toBe('200')
    expect((await ask(world, { requestState: first, inputResponses })).outcome).toBe(refused)
    const twenty = Array.from({ length: 20 }, () => ask(world, { requestState: second, inputResponses }))
    const outcomes = (await Promise.all(twenty)).map(({ outcome }) => outcome)
    expect(outcomes.filter((it) => it === '200')).toHaveLength(1)
    expect(outcomes.filter((it) => it === refused)).toHaveLength(19)
    expect(world.upstream.methods).toHaveLength(2)
  })

  it('is refused altered, cut, made up, or from another instance', async () => {
    const [world, other] = [await start(), await start()]
    const requestState = await stateOf(world)
    await connect(world, 'alice')
    const flipped = [12, 20, 60, requestState.length - 2].map((at) => {
      const letter = requestState[at] === 'A' ? 'B' : 'A'
      return requestState.slice(0, at) + letter + requestState.slice(at + 1)
    })
    const made = ['sallyport.1.', 'sallyport.1.e30', `sallyport.1.${'A'.repeat(400)}`, await stateOf(other)]
    for (const state of [...flipped, requestState.slice(0, -4), `${requestState}AAAA`, ...made])
      expect([state, (await ask(world, { requestState: state, inputResponses })).outcome]).toEqual([
        state,
        refused,
      ])
    expect(world.upstream.methods).toEqual([])
  })

  it('is somebody else’s where it is not ours, and goes on as it came', async () => {
    const world = await start()
    await connect(world, 'alice')
    const theirs = {
      requestState: 'of-the-server',
      inputResponses: { 'of-the-server': { action: 'accept' } },
    }
    expect((await ask(world, theirs)).outcome).toBe('200')
    expect(world.upstream.seen[0]?.message['params']).toMatchObject(theirs)
  })

  it('ends after ten minutes', () => {
    const clock = handClock()
    const seal = createSeal(new Secret(new Uint8Array(32).fill(1), 'seal'), (bytes) => new Uint8Array(bytes))
    let last = 0
    const digest = (value: JsonObject) => JSON.stringify(value)
    const states = createRequestStates({ seal, digest, clock, newId: () => `id-${(last += 1)}` })
    const principal = { kind: 'user', tenant: 't', issuer: 'i', subject: 'alice' }
    const access = { session: { principal, server: 'a', client: 'c' } } as unknown as Access
    const message = { kind: 'request', id: 1, method: 'tools/call', params: { name: 'mine' } } as const
    const [early, late] = [states.issue(message, access), states.issue(message, access)]
    const redeem = (requestState: string) =>
      states.redeem({ ...message, params: { name: 'mine', requestState } }, access)
    clock.advance(599_000)
    expect(redeem(early).params).toEqual({ name: 'mine' })
    clock.advance(1_000)
    expect(() => redeem(late)).toThrow(expect.objectContaining({ code: 'request_state_invalid' }))
  })
})
