/** The hot functions of an injected request in steady state, each by itself. */
import { bind } from '../../src/egress/bind.ts'
import { decide } from '../../src/egress/decide.ts'
import { inject } from '../../src/egress/inject.ts'
import { match } from '../../src/egress/match.ts'
import { createLeakGuard } from '../../src/egress/leak/leak-guard.ts'
import { receive } from '../../src/egress/receive.ts'
import { returningHead } from '../../src/egress/returning.ts'
import { record, settle } from '../../src/egress/settle.ts'
import type { Recorded } from '../../src/audit/index.ts'
import type { Access, SallyportError, Server } from '../../src/model/index.ts'
import { compilePolicy } from '../../src/policy/index.ts'
import { clock } from '../../src/wire.ts'
import { type MicroWorld, noCalls } from './world.ts'

/** `run` does the work `times` times, and is waited for. */
export interface Case {
  readonly name: string
  run(times: number): void | Promise<void>
}

/** Results go where no optimiser can tell that nobody looks at them. */
const kept: { value: unknown } = { value: undefined }

const each = (name: string, work: (n: number) => unknown): Case => ({
  name,
  run: (times) => {
    for (let n = 0; n < times; n += 1) kept.value = work(n)
  },
})

/** What is measured against: objects, strings and maps as the hot path has them, and nothing of ours. */
export function calibration(): Case {
  const headers = Array.from({ length: 20 }, (_, n) => `X-Header-Number-${n}`)
  return each('calibration', (n) => {
    const seen = new Map<string, string>()
    for (const name of headers) seen.set(name.toLowerCase(), `${name}${n}`)
    return seen.get(`x-header-number-${n % 20}`)
  })
}

const atOnce = 32

const orderOf = (_: unknown, n: number) => ({
  id: 4711 + n,
  customer: 'Jane "JD" Doe',
  note: 'Leave it at the door; ring twice.\nThanks',
  url: 'https://orders.example/orders/4711',
  total: 129.95,
})

/** Whether a tool may be called, where the last of so many rules is the one that allows it. */
function deciding(rules: number, access: Access, server: Server): Case {
  const others = Array.from({ length: rules - 1 }, (_, n) => ({ kind: 'user' as const, value: `user-${n}` }))
  const allow = [...others, { kind: 'user' as const, value: access.session.principal.subject }]
  const tools = [{ name: 'search', class: 'read' as const, uses: [], allow }]
  const { tenant } = access.session.principal
  const { call } = compilePolicy({
    tenant,
    version: 'bench',
    servers: [{ ...server, allow: [{ kind: 'anyone' }], tools }],
    downstreams: [],
  })
  const { principal, client, groups, groupsComplete } = access.session
  const facts = { principal, client, server: server.name, groups, groupsComplete, tool: 'search' }
  if (call(facts).effect !== 'allow') throw new Error('the tool is not allowed')
  return each(`decide a call, ${rules} rules`, () => call(facts))
}

export function casesOf(world: MicroWorld): Case[] {
  const { instance, req, door, access, known, bound, credential, answered } = world
  const { identity, policy, replica, exchange, audit } = instance
  const { gate } = replica
  const { permit, body } = bound
  const { server, downstream } = bound
  const id = 'r0123456789abcdef'
  // A request's token is another string each time, so its hash is not known yet.
  const half = world.token.length >> 1
  const [front, back] = [world.token.slice(0, half), world.token.slice(half)]
  const sent = { result: 'done', status: 200, bytesIn: 0, bytesOut: 1024, refused: false } as const
  const leaks = createLeakGuard()
  const search = leaks.searchFor(downstream, credential)
  if (search === undefined) throw new Error('answers are not searched')
  /** As many as run beside each other in a turn of the event loop. */
  const intents = (): Promise<Recorded[]> =>
    new Promise((resolve, reject) => {
      const written: Recorded[] = []
      const told = (result: Recorded | SallyportError) => {
        if (result instanceof Error) reject(result)
        else if (written.push(result) === atOnce) resolve(written)
      }
      const attempt = { number: 1, rev: gate.applied }
      for (let n = 0; n < atOnce; n += 1) record(bound, attempt, { audit, reads: 'handed', known }, told)
    })
  const document = Buffer.from(JSON.stringify({ items: Array.from({ length: 16 }, orderOf) }).slice(0, 1024))
  return [
    each('receive', () => receive(req, door, { id, at: clock.monotonic() })),
    each('identify, a token seen before', () =>
      identity.identify(Buffer.from(front + back, 'latin1').toString('latin1')),
    ),
    each('match', () => match(bound, access, { policy, known })),
    each('decide', () => decide(bound, { policy, gate, known, calls: noCalls })),
    each('bind', () => bind({ ...bound, permit }, body)),
    ...[10, 1_000, 10_000].map((rules) => deciding(rules, access, bound.server)),
    each('mint a call token', () =>
      identity.mintCall(
        { ...access, jti: id, call: { id, tool: 'search' } },
        { class: 'read', args_digest: id },
      ),
    ),
    {
      name: 'record: intent and outcome',
      run: async (times) => {
        for (let n = 0; n < times; n += atOnce) {
          for (const recorded of await intents())
            settle(bound, { recorded, sent, credential }, { audit, clock, known, leaks })
        }
      },
    },
    each('acquire, a credential in memory', () =>
      exchange.acquire({ access, server, downstream, rev: gate.applied }),
    ),
    each('inject', () => inject(bound.head, credential)),
    each('returning head', () => returningHead(200, answered, bound)),
    each('leak guard, 1 KiB', () => search.find(document)),
  ]
}
