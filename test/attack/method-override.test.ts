import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from '../egress/world.ts'
import { openLine, startRawDownstream, still } from '../kit/raw.ts'

/** Design §5: a class belongs to the operation that was decided on, whatever a framework downstream takes for the method. */
let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const urlencoded = 'application/x-www-form-urlencoded'
const post = (body: string, type: string | undefined = urlencoded, more: Record<string, string> = {}) =>
  world.ask('/downstream/orders/orders', {
    method: 'POST',
    body,
    headers: { ...(type === '' ? {} : { 'Content-Type': type }), ...more },
  })

describe('A40 method override: a header', () => {
  it.each([
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X_HTTP_METHOD_OVERRIDE',
    'x-http_method-override',
    'X-HTTP-Verb-Override',
    'X-Original-Method',
    'X-Forwarded-Method',
    'X-Tunneled-Method',
    'HTTP-Method-Override',
    'Method-Override',
  ])('does not get out: %s', async (name) => {
    expect((await world.ask('/downstream/orders/orders/1', { headers: { [name]: 'DELETE' } })).status).toBe(
      200,
    )
    expect(world.seen[0]!.method).toBe('GET')
    expect(world.seen[0]!.rawHeaders.join()).not.toContain('DELETE')
  })

  it('stays where it is another thing of that name', async () => {
    await world.ask('/downstream/orders/orders/1', { headers: { 'X-Payment-Method': 'card' } })
    expect(world.seen[0]!.headers['x-payment-method']).toBe('card')
  })
})

describe('A40 method override: a parameter of the query', () => {
  it.each([
    '_method=DELETE',
    'a=b&_method=delete',
    'a=b;_method=delete',
    '_METHOD=DELETE',
    '%5Fmethod=DELETE',
    '_%6deth%6Fd=DELETE',
    '%255fmethod=DELETE',
    '+_method=DELETE',
    '%20_method=DELETE',
    '.method=DELETE',
    '%5Bmethod=DELETE',
    '_method%00x=DELETE',
    '_method[]=DELETE',
    '_method',
    '_HttpMethod=PATCH',
    '_http_method=PATCH',
    'X-HTTP-Method-Override=DELETE',
    'x-http-method=DELETE',
    'x_method_override=DELETE',
    'http-method-override=DELETE',
    '$method=DELETE',
    '%24httpMethod=DELETE',
    '@method=DELETE',
  ])('is refused for every method, and nothing is recorded as sent: %s', async (query) => {
    for (const method of ['GET', 'POST', 'PUT']) {
      const path = { GET: '/orders/1', POST: '/orders', PUT: '/uploads/1' }[method]!
      const answer = await world.ask(`/downstream/orders${path}?${query}`, { method })
      expect([answer.status, answer.json().code]).toEqual([400, 'method_override_refused'])
    }
    expect([world.seen, world.records]).toEqual([[], []])
  })

  it.each([
    'method=card',
    'a=_method',
    'payment_method=card',
    'my_method=x',
    'a=%5Fmethod=b',
    'filter[_method]=x',
  ])('of a name that only looks like it passes: %s', async (query) => {
    expect((await world.ask(`/downstream/orders/orders/1?${query}`)).status).toBe(200)
    expect(world.seen[0]!.url).toBe(`/orders/1?${query}`)
  })
})

const part = (disposition: string, value = 'DELETE') =>
  `--x\r\n${disposition}\r\n\r\n${value}\r\n--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nhello\r\n--x--\r\n`

const forms: readonly (readonly [string, string, string])[] = [
  ['a field', urlencoded, '_method=DELETE&title=x'],
  ['a field at the end', urlencoded, 'title=x&_method=DELETE'],
  ['a field after a semicolon', urlencoded, 'title=x;_method=DELETE'],
  ['an escaped field', urlencoded, 'title=x&%5f%6Dethod=DELETE'],
  ['a field behind blanks', urlencoded, `${'+'.repeat(5000)}_method=DELETE`],
  ['a field behind escaped blanks', urlencoded, `${'%20'.repeat(5000)}_method=DELETE`],
  ['a field of the long name', urlencoded, 'X-HTTP-Method-Override=DELETE'],
  ['a type in other letters', 'Application/X-WWW-Form-URLEncoded ; charset=UTF-8', '_method=DELETE'],
  ['a type in a list', `text/plain, ${urlencoded}`, '_method=DELETE'],
  ['no type', '', '_method=DELETE'],
  ['a form in UTF-16, which is not read', `${urlencoded}; charset=utf-16`, '\0_\0m\0e\0t\0h\0o\0d\0=\0D'],
  ['a form in EBCDIC, which is not read', `${urlencoded};charset="ibm037"`, 'm\x94\x85\xa3'],
  ['a part', 'multipart/form-data; boundary=x', part('Content-Disposition: form-data; name="_method"')],
  [
    'a part in other letters',
    'Multipart/Form-Data; boundary=x',
    part('CONTENT-DISPOSITION:form-data;NAME=_METHOD'),
  ],
  [
    'a part with a blank name',
    'multipart/form-data; boundary=x',
    part('Content-Disposition : form-data; name = " _method"'),
  ],
  [
    'a part in single quotes',
    'multipart/form-data; boundary=x',
    part("Content-Disposition: form-data; name='_method'"),
  ],
  [
    'a part with a quoted pair',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data; name="_met\\hod"'),
  ],
  [
    'a part with an escaped name',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data; name="%5fmethod"'),
  ],
  [
    'a part with an encoded name',
    'multipart/form-data; boundary=x',
    part("Content-Disposition: form-data; name*=utf-8''%5fmethod"),
  ],
  [
    'a part with a name in pieces',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data; name*0="_met"; name*1="hod"'),
  ],
  [
    'a part with an encoded word',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data; name="=?utf-8?q?=5fmethod?="'),
  ],
  [
    'a part with a file name',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data; filename="a"; name="_method"'),
  ],
  [
    'a part after another header',
    'multipart/form-data; boundary=x',
    part('Content-Type: text/plain\r\nContent-Disposition: form-data; name="_method"'),
  ],
  [
    'a folded part',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data;\r\n name="_method"'),
  ],
  [
    'bare line feeds',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data; name="_method"').replaceAll('\r\n', '\n'),
  ],
  [
    'bare carriage returns',
    'multipart/form-data; boundary=x',
    part('Content-Disposition: form-data; name="_method"').replaceAll('\r\n', '\r'),
  ],
  [
    'a boundary that is another',
    'multipart/form-data; boundary=x; boundary=y',
    part('Content-Disposition: form-data; name="_method"').replaceAll('--x', '--y'),
  ],
  [
    'a line that does not end',
    'multipart/form-data; boundary=x',
    part(`Content-Disposition: form-data; a="${'x'.repeat(5000)}"; name="_method"`),
  ],
  ['two kinds of form', `multipart/form-data, ${urlencoded}`, 'a=b'],
]

describe('A40 method override: a form', () => {
  it.each(forms)('is refused in whole: %s', async (_what, type, body) => {
    const answer = await post(body, type)
    expect([answer.status, answer.json().code]).toEqual([400, 'method_override_refused'])
    expect([world.seen, world.records]).toEqual([[], []])
  })

  it.each(['gzip', 'br', 'GZIP', 'deflate, gzip'])('is refused where it is packed: %s', async (coding) => {
    expect((await post('x', urlencoded, { 'Content-Encoding': coding })).status).toBe(400)
    expect((await post('x', 'multipart/form-data; boundary=x', { 'Content-Encoding': coding })).status).toBe(
      400,
    )
    expect(world.seen).toEqual([])
  })

  it.each([
    ['fields', urlencoded, 'title=_method=DELETE&method=card&a[_method]=x&z'],
    ['no type and no form', '', '\u0000\u0001binary'],
    ['a long name', urlencoded, `${'QUJD'.repeat(4000)}=`],
    ['JSON', 'application/json', '{"_method":"DELETE"}'],
    [
      'a file that has the word in it',
      'multipart/form-data; boundary=x',
      part('Content-Disposition: form-data; name="file"; filename="_method.txt"', 'name="_method"'),
    ],
    [
      'a file with an encoded name',
      'multipart/form-data; boundary=x',
      part('Content-Disposition: form-data; name="file"; filename*=utf-8\'\'%e2%82%ac.txt'),
    ],
  ])('passes as it is where it asks for nothing: %s', async (_what, type, body) => {
    let got = ''
    world.answer = (req, res) => {
      req.setEncoding('latin1').on('data', (text: string) => (got += text))
      req.on('end', () => res.end('{}'))
    }
    expect((await post(body, type)).status).toBe(200)
    expect(got).toBe(body)
  })
})

describe('A40 method override: a streamed form', () => {
  const head = (type: string) =>
    `POST /downstream/orders/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
    `Transfer-Encoding: chunked\r\n${type === '' ? '' : `Content-Type: ${type}\r\n`}\r\n`
  const chunk = (text: string) => `${Buffer.byteLength(text, 'latin1').toString(16)}\r\n${text}\r\n`

  it.each(forms)('is never whole downstream, wherever it is cut: %s', async (_what, type, body) => {
    const motion = { count: 0 }
    const downstream = await startRawDownstream(motion)
    await world.close()
    world = await startWorld({ downstreamAt: downstream.url })
    const places =
      body.length > 1000
        ? [1, body.length - 60]
        : Array.from(body, (_, at) => at).filter((at) => at % 3 === 1)
    for (const at of places) {
      const line = await openLine(world.port, motion)
      line.send(head(type) + chunk(body.slice(0, at)))
      await still(motion, 4)
      if (line.socket.writable) line.send(`${chunk(body.slice(at))}0\r\n\r\n`)
      const [answer] = (await line.answered('POST')).messages
      expect(answer?.start).toBe('HTTP/1.1 400 Bad Request')
      expect(answer?.body.toString()).toContain('method_override_refused')
    }
    expect(downstream.requests).toEqual([])
    expect(downstream.connections.map(({ bytes }) => bytes.toString('latin1')).join()).not.toContain('DELETE')
  })

  it('passes as it came where it asks for nothing', async () => {
    let got = 0
    world.answer = (req, res) => {
      req.on('data', (bytes: Buffer) => (got += bytes.length))
      req.on('end', () => res.end('{}'))
    }
    const body = part('Content-Disposition: form-data; name="file"', 'x\r\n'.repeat(100_000))
    expect((await post(body, 'multipart/form-data; boundary=x')).status).toBe(200)
    expect(got).toBe(body.length)
  })
})
