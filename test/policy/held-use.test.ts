import { describe, expect, it } from 'vitest'
import type { Use } from '../../src/model/index.ts'
import {
  completeUse,
  type HeldUse,
  parseParameter,
  parsePart,
  partKey,
  pathParameters,
} from '../../src/policy/index.ts'
import { at, facts, operation, policyOf, tool } from './facts.ts'

const refunds = operation('POST /orders/{id}/refunds', 'critical')
const use = { downstream: 'orders', operation: 'POST /orders/{id}/refunds' }

/** The use by which a tool of class critical may do an operation. */
function heldBy(uses: readonly Use[], id: string): HeldUse | undefined {
  const policy = policyOf({ tools: [tool('t', 'critical', uses)] })
  const decision = policy.decide(facts({ tool: 't', operation: at(id) }))
  return decision.effect === 'allow' ? decision.permit.use : undefined
}

describe('the names of parts and parameters', () => {
  it.each([
    ['path.id', { kind: 'path', name: 'id' }],
    ['path.a.b', { kind: 'path', name: 'a.b' }],
    ['query.page', { kind: 'query', name: 'page' }],
    ['body.amount', { kind: 'body', pointer: ['amount'] }],
    ['body.a/b', { kind: 'body', pointer: ['a/b'] }],
    ['body/lines/0/price', { kind: 'body', pointer: ['lines', '0', 'price'] }],
    ['body/a~1b/c~0d/~01', { kind: 'body', pointer: ['a/b', 'c~d', '~1'] }],
    ['body/', { kind: 'body', pointer: [''] }],
  ])('reads %s', (text, part) => {
    expect(parsePart(text)).toEqual(part)
  })

  it.each(['', 'path', 'path.', 'header.x', 'body', 'Path.id', 'id', 'body/~', 'body/a~2', 'query/x'])(
    'refuses %j',
    (text) => {
      expect(parsePart(text)).toBeTypeOf('string')
    },
  )

  it('know one part under both of its names', () => {
    const key = (text: string) => partKey(parsePart(text) as Exclude<ReturnType<typeof parsePart>, string>)
    expect(key('body.amount')).toBe(key('body/amount'))
    expect(key('body.a/b')).toBe(key('body/a~1b'))
    expect(key('body/a/b')).not.toBe(key('body/a~1b'))
    expect(key('query.a')).not.toBe(key('path.a'))
  })

  it('take a parameter by its name or by a pointer', () => {
    expect(parseParameter('order_id')).toEqual(['order_id'])
    expect(parseParameter('order/id')).toEqual(['order/id'])
    expect(parseParameter('/order/id')).toEqual(['order', 'id'])
    expect(parseParameter('')).toBeTypeOf('string')
    expect(parseParameter('/a~')).toBeTypeOf('string')
  })

  it('lists the parameters of a path, the rest among them', () => {
    expect(pathParameters('/a/{b}/c/{d...}')).toEqual(['b', 'd'])
    expect(pathParameters('no path')).toEqual([])
  })
})

describe('what the class of an operation implies', () => {
  it('binds each path parameter of what changes something to the parameter of its name', () => {
    expect(completeUse({}, operation('PUT /a/{b}/{c...}', 'write'))).toEqual({
      bind: { 'path.b': 'b', 'path.c': 'c' },
    })
  })

  it('leaves alone what is bound or free already', () => {
    const written = { bind: { 'path.b': 'x' }, free: ['path.c'] }
    expect(completeUse(written, operation('PUT /a/{b}/{c}', 'write'))).toEqual(written)
  })

  it('lets nothing else stand in what is critical', () => {
    expect(completeUse({}, refunds)).toEqual({ bind: { 'path.id': 'id' }, rest: 'refuse' })
    expect(completeUse({}, operation('POST /payouts', 'critical'))).toEqual({ rest: 'refuse' })
  })

  it('implies nothing for a read, and nothing where unbound is said', () => {
    expect(completeUse({}, operation('GET /a/{b}', 'read'))).toEqual({})
    expect(completeUse({ unbound: true, bind: { 'body.x': 'x' } }, refunds)).toEqual({
      unbound: true,
      bind: { 'body.x': 'x' },
    })
  })

  it('is written out once: doing it again changes nothing', () => {
    const once = completeUse({ bind: { 'body.x': 'x' } }, refunds)
    expect(completeUse(once, refunds)).toEqual(once)
  })
})

describe('the use that a permit carries', () => {
  it('is the first of those that cover the operation, with its place', () => {
    const uses = [
      { downstream: 'legacy' },
      { ...use, times: 1 },
      { ...use, times: 2 },
      { downstream: 'orders' },
    ]
    expect(heldBy(uses, use.operation)).toMatchObject({
      place: 'servers.crm.tools.t.uses[1]',
      use: { times: 1 },
      unbound: false,
    })
    expect(heldBy(uses, 'POST /orders')?.place).toBe('servers.crm.tools.t.uses[3]')
  })

  it('is complete for each operation of a downstream that is used whole', () => {
    const uses = [{ downstream: 'orders' }]
    expect(heldBy(uses, use.operation)?.binding).toMatchObject({
      path: new Map([['id', { parameter: ['id'], place: 'servers.crm.tools.t.uses[0].bind.path.id' }]]),
      rest: true,
    })
    expect(heldBy(uses, 'GET /orders/{id}')?.binding).toMatchObject({ path: new Map(), rest: false })
  })

  it('tells its parts apart', () => {
    const bind = { 'path.id': 'order', 'query.q': '/a/b', 'body.amount': 'amount', 'body/a/0': 'x' }
    const { binding } = heldBy([{ ...use, bind, free: ['query.z', 'body/n'] }], use.operation) ?? {}
    expect([...(binding?.query.keys() ?? [])]).toEqual(['q'])
    expect(binding?.query.get('q')?.parameter).toEqual(['a', 'b'])
    expect(binding?.body.map(({ pointer }) => pointer)).toEqual([['amount'], ['a', '0']])
    expect(binding?.free).toEqual({ query: new Set(['z']), body: [['n']] })
  })

  it('is absent without a tool', () => {
    const decision = policyOf({ direct: [{ downstream: 'orders' }] }).decide(
      facts({ operation: at('GET /orders') }),
    )
    expect(decision.effect === 'allow' && decision.permit.use).toBeUndefined()
  })

  it('is not compiled where it names nothing, so that nothing goes unheld', () => {
    expect(() => heldBy([{ ...use, bind: { 'header.x': 'x' } }], use.operation)).toThrow('configuration')
    expect(() => heldBy([{ ...use, bind: { 'path.id': '' } }], use.operation)).toThrow('configuration')
  })
})

describe('explanations', () => {
  const told = (uses: readonly Use[]) =>
    policyOf({ tools: [tool('t', 'critical', uses)] })
      .explain(facts({ tool: 't', operation: at(use.operation) }))
      .steps.find(({ step }) => step === 'binding')?.note

  it('say what is bound to what', () => {
    const bind = { 'path.id': 'order_id', 'body.amount': 'amount' }
    expect(told([{ ...use, bind, free: ['body.note'], times: 1 }])).toBe(
      'bound: path.id to order_id, body.amount to amount; free: body.note; all else is refused; at most 1 in a call',
    )
  })

  it('say in words what is not', () => {
    expect(told([{ ...use, unbound: true }])).toBe(
      'unbound: the server may choose what is not bound; nothing is bound to the call',
    )
  })
})
