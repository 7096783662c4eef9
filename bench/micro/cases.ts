/** The hot functions of an injected request in steady state, each by itself. */
import { randomUUID } from 'node:crypto'
import { bind } from '../../src/egress/bind.ts'
import { decide } from '../../src/egress/decide.ts'
import { inject } from '../../src/egress/inject.ts'
import { match } from '../../src/egress/match.ts'
import { receive } from '../../src/egress/receive.ts'
import { returningHead } from '../../src/egress/returning.ts'
import { record, settle } from '../../src/egress/settle.ts'
import { clock } from '../../src/wire.ts'
import type { MicroWorld } from './world.ts'

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

export function casesOf(world: MicroWorld): Case[] {
  const { instance, req, door, access, bound, credential, answered } = world
  const { identity, policy, replica, exchange, audit } = instance
  const { gate } = replica
  const { permit, body, path: _path, ...permitted } = bound
  const { server, downstream } = bound
  const id = 'r0123456789abcdef'
  // A request's token is another string each time, so its hash is not known yet.
  const half = world.token.length >> 1
  const [front, back] = [world.token.slice(0, half), world.token.slice(half)]
  const sent = { result: 'done', status: 200, bytesIn: 0, bytesOut: 1024, refused: false } as const
  return [
    each('receive', () => receive(req, door, { clock, newRequestId: randomUUID, id })),
    each('identify, a token seen before', () =>
      identity.identify(Buffer.from(front + back, 'latin1').toString('latin1')),
    ),
    each('match', () => match({ ...permitted, access }, policy)),
    each('decide', () => decide(bound, { policy, gate })),
    each('bind', () => bind({ ...permitted, permit }, body)),
    {
      name: 'record: intent and outcome',
      run: async (times) => {
        for (let n = 0; n < times; n += 1) {
          const recorded = record(bound, 1, { audit, reads: 'handed', rev: gate.applied })
          settle(
            bound,
            { recorded: recorded instanceof Promise ? await recorded : recorded, sent, credential },
            { audit, clock },
          )
        }
      },
    },
    each('acquire, a credential in memory', () =>
      exchange.acquire({ access, server, downstream, rev: gate.applied }),
    ),
    each('inject', () => inject(bound.head, credential)),
    each('returning head', () => returningHead(200, answered, bound)),
  ]
}
