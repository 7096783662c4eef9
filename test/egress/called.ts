import type { Access, JsonObject, OpenCall, OpenCalls, Operation, Tool } from '../../src/model/index.ts'
import { startWorld, type World, type WorldOptions } from './world.ts'

const operations: readonly Operation[] = [
  { id: 'POST /orders/{id}/refunds', method: 'POST', path: '/orders/{id}/refunds', class: 'critical' },
  { id: 'PUT /notes/{id}', method: 'PUT', path: '/notes/{id}', class: 'write' },
  { id: 'GET /search', method: 'GET', path: '/search', class: 'read' },
]

const bind = { 'path.id': 'order_id', 'body.amount': 'amount' }
const orders = (operation: string) => ({ downstream: 'orders', operation })

const tools: readonly Tool[] = [
  {
    name: 'refund',
    class: 'critical',
    uses: [
      { ...orders('POST /orders/{id}/refunds'), bind, times: 1 },
      orders('GET /orders/{id}'),
      { ...orders('DELETE /orders/{id}'), unbound: true },
    ],
  },
  {
    name: 'note',
    class: 'write',
    uses: [
      orders('PUT /notes/{id}'),
      { ...orders('GET /search'), bind: { 'query.q': 'text' } },
      { ...orders('POST /orders'), bind: { 'body.text': 'text' } },
      orders('PUT /uploads/{id}'),
    ],
  },
]

/** A call that is open until a test ends it. */
export interface Called {
  readonly world: World
  /** Bodies that reached the downstream. */
  readonly bodies: string[]
  /** Uses that were counted, in order. */
  readonly spent: string[]
  readonly calls: Map<string, OpenCall>
}

export interface CalledOptions extends WorldOptions {
  readonly tool?: string
  readonly class?: OpenCall['class']
  readonly arguments?: JsonObject
  readonly maxRequests?: number
}

/** A world in which alice's token is one of the call `c1`. */
export async function startCalled(options: CalledOptions = {}): Promise<Called> {
  const { tool = 'refund', maxRequests = 10, ...rest } = options
  const spent: string[] = []
  const calls = new Map<string, OpenCall>()
  calls.set('c1', {
    id: 'c1',
    tool,
    class: options.class ?? 'critical',
    arguments: options.arguments ?? { order_id: 17, amount: 42 },
    spend: (use, times) => {
      if (times !== undefined && spent.filter((it) => it === use).length >= times)
        return 'call_times_exceeded'
      if (spent.length >= maxRequests) return 'call_requests_exceeded'
      spent.push(use)
      return undefined
    },
    needs: () => undefined,
  })
  const open: OpenCalls = { find: (id) => calls.get(id) }
  const call: Partial<Access> = { call: { id: 'c1', tool } }
  const world = await startWorld({ calls: open, tools, operations, access: call, ...rest })
  const bodies: string[] = []
  world.answer = (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString())
      res.end('{"ok":true}')
    })
  }
  return { world, bodies, spent, calls }
}
