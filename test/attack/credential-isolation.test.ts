import { decodeJwt } from 'jose'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fuzzRuns } from '../fuzz/runs.ts'
import { type ExchangingIdp, startExchangingIdp } from '../kit/exchanging-idp.ts'
import { mint, type Running, startInstance } from '../kit/instance.ts'
import { fine, type Line, openLine, type RawDownstream, startRawDownstream } from '../kit/raw.ts'
import { header, readResponses, type WireMessage } from '../kit/wire.ts'

const resources = { crm: 'https://crm.example/mcp', hr: 'https://hr.example/mcp' } as const
type ServerName = keyof typeof resources

/** Downstreams by base path; all are one origin, so that all requests share its sockets. */
const downstreams = {
  a: { audience: 'a-api', scope: 'read' },
  b: { audience: 'b-api', scope: 'read' },
  c: { audience: 'a-api', scope: 'read write' },
  own: undefined,
} as const
type DownstreamName = keyof typeof downstreams

interface Who {
  readonly person: string
  readonly client: string
  readonly server: ServerName
  /** Sign-ins of the same person with the same client at the same server. */
  readonly login: number
}

const names = Object.keys(downstreams) as DownstreamName[]
const direct = names.flatMap((name) => [name, `"${name} POST /things/{id}"`]).join(', ')
const exchanging = (['a', 'b', 'c'] as const)
  .map(
    (name) => `
  ${name}:
    url: "{api}/${name}"
    resource: "https://${name}.example"
    exchange: { audience: ${downstreams[name].audience}, scope: "${downstreams[name].scope}" }
    operations: [{ op: "GET /things/{id}", class: read }, { op: "POST /things/{id}", class: write }]`,
  )
  .join('')

interface Rig {
  readonly idp: ExchangingIdp
  readonly api: RawDownstream
  readonly running: Running
  readonly lines: readonly Line[]
}

async function openRig(): Promise<Rig> {
  const idp = await startExchangingIdp()
  const api = await startRawDownstream()
  const running = await startInstance({
    form: 'single',
    files: { client: 'client-secret', key: 'a key of thirty-two bytes or more.' },
    config: () =>
      `tenant: acme
login: { issuer: "${idp.issuer}", client: { id: sallyport, secret: file:client } }
key: file:key
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "${resources.crm}", allow: [anyone], direct: [${direct}] }
  hr: { url: "http://127.0.0.1:2/mcp", resource: "${resources.hr}", allow: [anyone], direct: [${direct}] }
downstreams:${exchanging}
  own:
    url: "{api}/own"
    resource: "https://own.example"
    static: { header: Authorization, prefix: "Bearer ", per: user }
    operations: [{ op: "GET /things/{id}", class: read }, { op: "POST /things/{id}", class: write }]
`.replaceAll('{api}', api.url),
  })
  const port = Number(new URL(running.egress).port)
  const lines = await Promise.all([1, 2, 3].map(() => openLine(port)))
  return { idp, api, running, lines }
}

type Step =
  | {
      readonly kind: 'ask'
      readonly who: number
      readonly to: DownstreamName
      readonly how: 'GET' | 'POST' | 'chunked'
      readonly line: number
      /** The downstream refuses the first credential for it. */
      readonly refused: boolean
    }
  | { readonly kind: 'sign-in'; readonly who: number }
  | { readonly kind: 'cut'; readonly who: number }
  | { readonly kind: 'settle' }

const who = fc.nat(7)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      who,
      to: fc.constantFrom(...names),
      how: fc.constantFrom('GET', 'POST', 'chunked'),
      line: fc.nat(2),
      refused: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sign-in' as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
)

/** Whoever they are: persons whose names run into each other, with two clients at two servers, signed in twice. */
function cast(run: number): Who[] {
  const [alice, bob] = [`p${run}x`, `p${run}x1`]
  return [
    { person: alice, client: 'c', server: 'crm', login: 1 },
    { person: alice, client: 'c', server: 'crm', login: 2 },
    { person: alice, client: 'c2', server: 'crm', login: 1 },
    { person: alice, client: 'c', server: 'hr', login: 1 },
    { person: bob, client: 'c', server: 'crm', login: 1 },
    { person: bob, client: 'c2', server: 'hr', login: 1 },
    { person: bob, client: 'c', server: 'crm', login: 2 },
    { person: alice, client: 'c2', server: 'hr', login: 1 },
  ]
}

/** What a person has put in for himself at one server. */
const ownOf = ({ person, server }: Who) => `own-of-${person}-at-${server}`

const framed = (how: 'GET' | 'POST' | 'chunked') =>
  how === 'GET'
    ? '\r\n'
    : how === 'POST'
      ? 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
      : 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'

async function play(rig: Rig, steps: readonly Step[], scheduler: fc.Scheduler, run: number): Promise<number> {
  const { idp, api, running } = rig
  const all = cast(run)
  const subjects = new Map<Who, Set<string>>()
  const sessions = new Map<Who, string>()
  const cutAt = new Map<Who, number>()
  const wrong: string[] = []
  const refusing = new Set<string>()
  let sent = 0

  const signIn = async (of: Who) => {
    const token = await idp.subject({
      sub: of.person,
      client_id: of.client,
      aud: resources[of.server],
      sid: `${of.person}/${of.client}/${of.server}/${of.login}`,
      scope: 'read write',
    })
    const from = subjects.get(of) ?? new Set()
    subjects.set(of, from.add(String(decodeJwt(token)['jti'])))
    const minted = await mint(running, of.server, token)
    if (minted.status === 200) sessions.set(of, minted.token)
  }

  /** Everything that a credential may depend on, against who asked. */
  const judge = (request: WireMessage): string => {
    const [, target = ''] = request.start.split(' ')
    const [, name = '', , id = ''] = target.split('/')
    const [at = '', number = ''] = id.split('.')
    const of = all[Number(at)]!
    const credentials = header(request, 'authorization')
    const [credential = ''] = credentials
    const token = credential.replace('Bearer ', '')
    const expected = downstreams[name as DownstreamName]
    const claims = expected === undefined ? undefined : decodeJwt(token)
    const right =
      credentials.length === 1 &&
      (claims === undefined || expected === undefined
        ? token === ownOf(of)
        : claims.sub === of.person &&
          claims.aud === expected.audience &&
          claims['scope'] === expected.scope &&
          claims['client'] === of.client &&
          subjects.get(of)!.has(String(claims['from'])))
    if (!right) wrong.push(`${target} of ${JSON.stringify(of)}: ${JSON.stringify(claims ?? token)}`)
    if (Number(number) > (cutAt.get(of) ?? Number.POSITIVE_INFINITY))
      wrong.push(`${target} came after its cut`)
    return id
  }

  api.answer = (request, socket) => {
    sent += 1
    const id = judge(request)
    const refuse = refusing.delete(id)
    scheduler.schedule(Promise.resolve(), `answer ${id}`).then(
      () =>
        socket.write(refuse ? 'HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n' : fine(JSON.stringify({ id }))),
      () => undefined,
    )
    return undefined
  }
  idp.before = () => scheduler.schedule(Promise.resolve(), 'exchange')

  const expected = rig.lines.map(({ received }) => ({ from: received.length, ids: [] as string[] }))
  const answered = async (at: number) => {
    const line = rig.lines[at]!
    const { from, ids } = expected[at]!
    const methods = ids.map(() => 'GET')
    for (;;) {
      const { messages, fault } = readResponses(line.received.subarray(from), methods, line.ended)
      expect([fault, line.ended]).toEqual([undefined, false])
      if (messages.length === ids.length) return messages
      await new Promise((done) => line.socket.once('data', done))
    }
  }
  const settle = async () => {
    const answers = Promise.all(rig.lines.map((_, at) => answered(at)))
    for (const [at, messages] of (await scheduler.waitFor(answers)).entries()) {
      for (const [index, { start, body }] of messages.entries()) {
        // On one connection answers come in the order of the requests, each with its own.
        if (start === 'HTTP/1.1 200 OK')
          expect(JSON.parse(body.toString())).toEqual({ id: expected[at]!.ids[index] })
        else expect(start).toMatch(/^HTTP\/1\.1 (?:401|403|424|502) /)
      }
    }
  }

  for (const of of all) {
    await scheduler.waitFor(signIn(of))
    await running.admin('POST', '/v1/connections', {
      downstream: 'own',
      server: of.server,
      user: of.person,
      value: ownOf(of),
    })
  }
  for (const [number, each] of steps.entries()) {
    if (each.kind === 'settle') await settle()
    else if (each.kind === 'sign-in') await scheduler.waitFor(signIn(all[each.who]!))
    else if (each.kind === 'cut') {
      const of = all[each.who]!
      const sid = String(decodeJwt(sessions.get(of)!)['sid'])
      const order = running.admin('POST', '/v1/revocations', {
        scope: { kind: 'session', id: sid },
        cause: 'test',
      })
      expect((await scheduler.waitFor(order)).status).toBe(200)
      for (const other of all) {
        if (String(decodeJwt(sessions.get(other)!)['sid']) === sid) cutAt.set(other, number)
      }
    } else {
      const id = `${each.who}.${number}`
      if (each.refused) refusing.add(id)
      expected[each.line]!.ids.push(id)
      rig.lines[each.line]!.send(
        `${each.how === 'GET' ? 'GET' : 'POST'} /downstream/${each.to}/things/${id} HTTP/1.1\r\n` +
          `Host: ${new URL(running.egress).host}\r\nAuthorization: Bearer ${sessions.get(all[each.who]!)}\r\n${framed(each.how)}`,
      )
    }
  }
  await settle()
  expect(wrong).toEqual([])
  return sent
}

describe('A50 credential isolation', () => {
  it('gives nobody another’s credential, however requests, exchanges, refusals, sign-ins and cuts fall together', {
    timeout: 600_000,
  }, async () => {
    const rig = await openRig()
    let run = 0
    let sent = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 40 }),
        fc.scheduler(),
        async (steps, scheduler) => {
          run += 1
          sent += await play(rig, steps, scheduler, run)
        },
      ),
      { numRuns: fuzzRuns(12), endOnFailure: true },
    )
    expect(sent).toBeGreaterThan(run)
    // All of it went over a few sockets that everybody shared.
    expect(rig.api.connections.length).toBeLessThan(sent)
  })
})
