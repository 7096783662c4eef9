import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Called, type CalledOptions, startCalled } from './called.ts'
import { token } from './world.ts'

let called: Called
beforeEach(async () => {
  called = await startCalled()
})
afterEach(() => called.world.close())

async function anew(options: CalledOptions): Promise<void> {
  await called.world.close()
  called = await startCalled(options)
}

const place = 'servers.crm.tools'
const json = { 'Content-Type': 'application/json' }

function refund(
  body: string | undefined,
  path = '/orders/17/refunds',
  headers: Record<string, string> = json,
) {
  return called.world.ask(`/downstream/orders${path}`, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body }),
  })
}

/** Nothing went out, nothing was fetched, and one denial says why. */
function expectDenied(reason: string, rule: string): void {
  const { world, spent } = called
  expect(world.seen).toEqual([])
  expect(world.exchange.needs).toEqual([])
  expect(spent).toEqual([])
  expect(world.records).toMatchObject([
    { kind: 'denial', decision: 'deny', reason, rule, call: 'c1', who: { sid: 's1', jti: 'j1' } },
  ])
}

describe('a request of a call', () => {
  it('goes out as it was read anew, with the credential, and is recorded with tool and call', async () => {
    const answer = await refund('{ "amount": 42.0 }', '/orders/1%37/refunds?')
    expect([answer.status, answer.body]).toEqual([200, '{"ok":true}'])
    expect(called.bodies).toEqual(['{"amount":42}'])
    expect(called.world.seen).toMatchObject([
      {
        method: 'POST',
        url: '/orders/17/refunds',
        headers: { 'content-type': 'application/json', 'content-length': '13' },
      },
    ])
    expect(called.world.records).toMatchObject([
      {
        kind: 'intent',
        tool: 'refund',
        call: 'c1',
        class: 'critical',
        path: '/orders/17/refunds',
        rule: `${place}.refund.uses[0]`,
        details: { durability: 'synced' },
      },
      { kind: 'outcome', result: 'done', bytesIn: 13 },
    ])
    expect(called.spent).toEqual([`${place}.refund.uses[0]`])
  })

  it('takes a chunked body in, so that it can be compared', async () => {
    const headers =
      'POST /downstream/orders/orders/17/refunds HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'
    const ask = (chunk: string) =>
      called.world.raw(
        `${headers}Authorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`,
      )
    expect(await ask('{"amount":43}')).toContain('call_parameter_mismatch')
    expect(called.world.seen).toEqual([])
    expect(await ask('{"amount":42}')).toContain('200 OK')
    expect(called.bodies).toEqual(['{"amount":42}'])
    expect(called.world.seen[0]?.headers).toMatchObject({ 'content-length': '13' })
  })

  it('streams a body that nothing is bound in', async () => {
    await anew({ tool: 'note', class: 'write', arguments: { id: 'u1' } })
    const body = Buffer.alloc(200_000, 'x')
    const put = (id: string) => called.world.ask(`/downstream/orders/uploads/${id}`, { method: 'PUT', body })
    expect((await put('u1')).status).toBe(200)
    expect(called.bodies.map(({ length }) => length)).toEqual([200_000])
    expect((await put('u2')).json()).toMatchObject({ code: 'call_parameter_mismatch' })
  })

  it('is not held where it only reads', async () => {
    const answer = await called.world.ask('/downstream/orders/orders/9?x=1;y&x=2')
    expect(answer.status).toBe(200)
    expect(called.world.seen[0]?.url).toBe('/orders/9?x=1;y&x=2')
    expect(called.spent).toEqual([`${place}.refund.uses[1]`])
  })

  it('says in the record that nothing was bound', async () => {
    expect((await called.world.ask('/downstream/orders/orders/9', { method: 'DELETE' })).status).toBe(200)
    expect(called.world.records[0]).toMatchObject({ kind: 'intent', details: { unbound: true } })
  })

  it('is held in the absolute form as well', async () => {
    const { world } = called
    const ask = (id: number) =>
      world.raw(
        `POST ${world.origin}/orders/${id}/refunds HTTP/1.1\r\nHost: ${new URL(world.origin).host}\r\nProxy-Authorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"amount":42}`,
      )
    expect(await ask(18)).toContain('call_parameter_mismatch')
    expect(world.seen).toEqual([])
    expect(await ask(17)).toContain('200 OK')
  })
})

describe('what differs from the call', () => {
  it.each<[string, string | undefined, string, string, string]>([
    [
      'another amount',
      '{"amount":4200}',
      '/orders/17/refunds',
      'call_parameter_mismatch',
      'bind.body.amount',
    ],
    [
      'a text for a number',
      '{"amount":"42"}',
      '/orders/17/refunds',
      'call_parameter_mismatch',
      'bind.body.amount',
    ],
    [
      'a list for a number',
      '{"amount":[42]}',
      '/orders/17/refunds',
      'call_parameter_mismatch',
      'bind.body.amount',
    ],
    ['no body', undefined, '/orders/17/refunds', 'call_parameter_mismatch', 'bind.body.amount'],
    ['another order', '{"amount":42}', '/orders/18/refunds', 'call_parameter_mismatch', 'bind.path.id'],
    [
      'look-alike digits',
      '{"amount":42}',
      '/orders/%EF%BC%91%EF%BC%97/refunds',
      'call_parameter_mismatch',
      'bind.path.id',
    ],
    ['a field more', '{"amount":42,"to":"eve"}', '/orders/17/refunds', 'call_field_unbound', 'rest'],
    ['a parameter more', '{"amount":42}', '/orders/17/refunds?to=eve', 'call_field_unbound', 'rest'],
    ['the amount twice', '{"amount":42,"amount":43}', '/orders/17/refunds', 'json_ambiguous', ''],
    ['a byte order mark', '\ufeff{"amount":42}', '/orders/17/refunds', 'json_malformed', ''],
  ])('is refused and recorded: %s', async (_, body, path, code, rule) => {
    const answer = await refund(body, path)
    expect(answer.json()).toMatchObject({ code, downstream: 'orders' })
    expectDenied(code, [`${place}.refund.uses[0]`, rule].filter((it) => it !== '').join('.'))
    expect(called.world.records[0]).toMatchObject({
      tool: 'refund',
      operation: 'POST /orders/{id}/refunds',
      class: 'critical',
    })
    expect(JSON.stringify(called.world.records)).not.toMatch(/eve|4200/)
  })

  it.each<[string, string, Record<string, string>]>([
    ['of no type', '{"amount":42}', {}],
    ['multipart', '{"amount":42}', { 'Content-Type': 'multipart/form-data; boundary=x' }],
    ['packed', '{"amount":42}', { ...json, 'Content-Encoding': 'gzip' }],
    ['too long', `{"amount":42${' '.repeat(70_000)}}`, json],
  ])('is refused where the body cannot be read: %s', async (_, body, headers) => {
    const answer = await refund(body, undefined, headers)
    expect([answer.status, answer.json().code]).toEqual([403, 'call_body_unreadable'])
    expectDenied('call_body_unreadable', `${place}.refund.uses[0]`)
  })

  it('is refused as soon as a chunked body turns out too long, and the caller hears of it', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const req = request({
        port: called.world.port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/downstream/orders/orders/17/refunds',
        headers: { ...json, authorization: `Bearer ${token}` },
      })
      req.on('error', reject)
      req.on('response', (res) => {
        let text = ''
        res.on('data', (chunk: Buffer) => (text += String(chunk)))
        res.on('end', () => {
          resolve(text)
          req.end('}')
        })
      })
      req.write('{"amount":42')
      for (let n = 0; n < 100; n++) req.write(' '.repeat(1000))
    })
    expect(JSON.parse(answer)).toMatchObject({ code: 'call_body_unreadable' })
    expectDenied('call_body_unreadable', `${place}.refund.uses[0]`)
  })

  it('never gets to be compared where the path is ambiguous', async () => {
    for (const path of ['/orders/1%2F7/refunds', '/orders/17%00/refunds', '/orders/./17/refunds'])
      expect((await refund('{"amount":42}', path)).json().code).toBe('path_ambiguous')
    expect(called.world.seen).toEqual([])
  })

  it('is refused where it asks for another method', async () => {
    const bind = { tool: 'note', class: 'write', arguments: { text: 'x' } } as const
    await anew(bind)
    const answer = await called.world.ask('/downstream/orders/orders', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'text=x&_method=DELETE',
    })
    expect(answer.json().code).toBe('method_override_refused')
    expectDenied('method_override_refused', `${place}.note.uses[2]`)
  })

  it('is told apart in a query: a plus is a blank, and leaves as one', async () => {
    await anew({ tool: 'note', class: 'write', arguments: { text: 'a b' } })
    expect((await called.world.ask('/downstream/orders/search?q=a+b')).status).toBe(200)
    expect((await called.world.ask('/downstream/orders/search?q=a%20b')).status).toBe(200)
    expect((await called.world.ask('/downstream/orders/search?q=a%2Bb')).json().code).toBe(
      'call_parameter_mismatch',
    )
    expect((await called.world.ask('/downstream/orders/search?q=a+b&q=c')).json().code).toBe(
      'call_parameter_mismatch',
    )
    expect(called.world.seen.map(({ url }) => url)).toEqual(['/search?q=a%20b', '/search?q=a%20b'])
  })
})

describe('what the call may not do at all', () => {
  it('is what its tool does not use, or what direct alone permits', async () => {
    await refund('{"text":"x"}', '/orders')
    expectDenied('tool_does_not_use', `${place}.refund.uses`)
  })

  it('is what lies above the class that the call was given', async () => {
    await anew({ class: 'read' })
    await refund('{"amount":42}')
    expectDenied('class_exceeded', `${place}.refund.class`)
  })

  it('is anything, with the token of a message that is no call', async () => {
    await anew({ access: { call: { id: 'c1' } } })
    await called.world.ask('/downstream/orders/orders/1')
    expectDenied('call_operations_none', 'call')
  })

  it('is a tunnel', async () => {
    const connect = ['127.0.0.1:9']
    for (const [call, code] of [
      [{ id: 'c1' }, 'call_operations_none'],
      [{ id: 'c1', tool: 'refund' }, 'tool_does_not_use'],
    ] as const) {
      await anew({ connect, access: { call } })
      const answer = await called.world.raw(
        `CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: 127.0.0.1:9\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`,
      )
      expect(answer).toContain(code)
      expect(called.world.records).toMatchObject([{ kind: 'denial', reason: code, call: 'c1' }])
    }
  })
})

describe('a call that has ended', () => {
  it('has no requests: nothing is fetched', async () => {
    called.calls.clear()
    const answer = await refund('{"amount":42}')
    expect([answer.status, answer.json()]).toMatchObject([403, { code: 'call_ended', rule: 'call' }])
    expectDenied('call_ended', 'call')
  })

  it('is not another one under its id', async () => {
    await anew({ tool: 'note', access: { call: { id: 'c1', tool: 'refund' } } })
    await refund('{"amount":42}')
    expectDenied('call_ended', 'call')
  })

  it('has none while the body was on its way', async () => {
    const req = request({
      port: called.world.port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/downstream/orders/orders/17/refunds',
      headers: { ...json, authorization: `Bearer ${token}`, 'content-length': '13' },
    })
    const status = new Promise((resolve) => req.on('response', (res) => resolve(res.statusCode)))
    req.write('{"amount"')
    while (called.world.order.length === 0) await new Promise((done) => setTimeout(done, 2))
    called.calls.clear()
    req.end(':42}')
    expect(await status).toBe(403)
    expectDenied('call_ended', 'call')
  })

  it('injects nothing where it ended after the record, up to the last step', async () => {
    const { world, calls } = called
    world.opened = () => calls.clear()
    const answer = await refund('{"amount":42}')
    expect([answer.status, answer.json().code]).toEqual([403, 'call_ended'])
    expect(world.seen).toEqual([])
    expect(world.records.map(({ kind, result, reason }) => [kind, result, reason])).toEqual([
      ['intent', undefined, 'allowed'],
      ['outcome', 'barred', 'call_ended'],
    ])
  })

  it('is looked at again at the first byte of a stream', async () => {
    await anew({ tool: 'note', class: 'write', arguments: { id: 'u1' } })
    const { world, calls } = called
    const req = request({
      port: world.port,
      host: '127.0.0.1',
      method: 'PUT',
      path: '/downstream/orders/uploads/u1',
      headers: { authorization: `Bearer ${token}`, 'transfer-encoding': 'chunked' },
    })
    const status = new Promise((resolve) => req.on('response', (res) => resolve(res.statusCode)))
    req.flushHeaders()
    while (world.gate.checks < 2) await new Promise((done) => setTimeout(done, 2))
    calls.clear()
    req.end('late')
    expect(await status).toBe(403)
    expect(world.seen).toEqual([])
    expect(world.records.at(-1)).toMatchObject({ result: 'barred', reason: 'call_ended' })
  })
})

describe('the requests of a call are counted', () => {
  const used = `${place}.refund.uses[0]`

  it('by their use: a second refund is refused', async () => {
    expect((await refund('{"amount":42}')).status).toBe(200)
    const answer = await refund('{"amount":42}')
    expect([answer.status, answer.json()]).toMatchObject([403, { code: 'call_times_exceeded', rule: used }])
    expect(called.world.seen).toHaveLength(1)
    expect(called.world.records.at(-1)).toMatchObject({
      kind: 'denial',
      reason: 'call_times_exceeded',
      rule: used,
    })
  })

  it('also where two come at once', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => refund('{"amount":42}')))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403, 403])
    expect(called.world.seen).toHaveLength(1)
    expect(called.spent).toEqual([used])
  })

  it('all together', async () => {
    await anew({ maxRequests: 2 })
    const codes: number[] = []
    for (let n = 0; n < 3; n++) codes.push((await called.world.ask('/downstream/orders/orders/1')).status)
    expect(codes).toEqual([200, 200, 403])
    expect(called.world.records.at(-1)).toMatchObject({ reason: 'call_requests_exceeded' })
  })

  it('only where they are sent: one that was refused takes nothing away', async () => {
    await refund('{"amount":1}')
    await refund('{"amount":42}', '/orders/18/refunds')
    expect(called.spent).toEqual([])
    expect((await refund('{"amount":42}')).status).toBe(200)
  })

  it('once, also where a downstream does not take the credential at first', async () => {
    const { world } = called
    world.exchange.secrets = ['stale-credential-of-alice', 'fresh-credential-of-alice']
    const usual = world.answer
    world.answer = (req, res) => {
      if (world.seen.length === 1) res.writeHead(401).end()
      else usual(req, res)
    }
    expect((await refund('{"amount":42}')).status).toBe(200)
    expect(world.seen).toHaveLength(2)
    expect(called.spent).toEqual([used])
    expect(world.records.filter(({ kind }) => kind === 'intent')).toHaveLength(2)
  })
})
