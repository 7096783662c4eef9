import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canary, token } from '../egress/world.ts'
import { fine, openLine } from '../kit/raw.ts'
import { header } from '../kit/wire.ts'
import { clients, type RawWorld, startRawWorld } from './over.ts'

/** What a downstream says to its client, who is us, and not to the caller. */
const kept = [
  'Set-Cookie',
  'Set-Cookie2',
  'WWW-Authenticate',
  'Authentication-Info',
  'Authentication-Control',
  'Proxy-Authenticate',
  'Proxy-Authentication-Info',
  'Proxy-Connection',
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Credentials',
  'Access-Control-Expose-Headers',
  'Alt-Svc',
  'Clear-Site-Data',
  'Strict-Transport-Security',
  'Public-Key-Pins',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Upgrade',
  'Sallyport-Request-Id',
  'Sallyport-Anything',
]
const passed = ['ETag', 'Vary', 'X-RateLimit-Remaining', 'Retry-After', 'Content-Language', 'Cache-Control']

describe.each(clients)(
  'A48 response leak: what is between us and the downstream stays there, over %s',
  (client) => {
    let egress: RawWorld
    beforeEach(async () => {
      egress = await startRawWorld(client)
    })
    afterEach(() => egress.world.close())

    const ask = async (text: string, method = 'GET') => {
      const { world, motion, downstream } = egress
      downstream.answer = () => text
      const line = await openLine(world.port, motion)
      line.send(
        `${method} /downstream/orders/files/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      )
      const { messages, fault } = await line.answered(method)
      expect(fault).toBeUndefined()
      line.socket.destroy()
      return messages[0]!
    }
    const withLines = (lines: readonly string[], status = '200 OK', body = 'fine') =>
      fine(body).replace('200 OK\r\n', `${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}`)

    it.each(kept)(
      'filters %s, in every spelling and as often as it comes, with every status',
      async (name) => {
        for (const status of ['200 OK', '302 Found', '403 Forbidden', '407 Proxy', '500 Error']) {
          const spelled = [name, name.toLowerCase(), name.toUpperCase(), name.replaceAll('-', '_')]
          const answer = await ask(
            withLines(spelled.map((it) => `${it}: planted`).concat('X-Kept: yes'), status),
          )
          expect(answer.start).toContain(status.slice(0, 3))
          expect(answer.headers.join('\n')).not.toMatch(/planted/)
          expect(header(answer, 'x-kept')).toEqual(['yes'])
          expect(answer.body.toString()).toBe('fine')
        }
      },
    )

    it.each(passed)('passes %s, which is the caller’s business', async (name) => {
      expect(header(await ask(withLines([`${name}: 1`])), name.toLowerCase())).toEqual(['1'])
    })

    it('filters what Connection names, once more by each of its spellings', async () => {
      const answer = await ask(
        withLines([
          'Connection: x-planted, X_Other',
          'Connection: x-third',
          'X-Planted: a',
          'X-Other: b',
          'X-Third: c',
        ]),
      )
      expect(answer.headers.join('\n')).not.toMatch(/x-planted|x-other|x-third/i)
    })

    it('says its own request id, once, whatever the downstream says', async () => {
      const answer = await ask(withLines(['Sallyport-Request-Id: forged', 'sallyport_request_id: forged']))
      expect(answer.headers.filter((name) => /^sallyport.request.id$/i.test(name))).toHaveLength(1)
      expect(header(answer, 'sallyport-request-id')).toEqual(['r1'])
    })

    it('never passes on a 401: that would be of the caller’s own token, and its challenge is none', async () => {
      const answer = await ask(
        withLines(['WWW-Authenticate: Bearer realm="inner"'], '401 Unauthorized', 'inner details'),
      )
      expect(answer.start).toContain('502')
      expect(answer.headers.join('\n')).not.toMatch(/www-authenticate|inner/i)
      expect(answer.body.toString()).not.toContain('inner')
      expect(answer.body.toString()).toContain('"credential_refused"')
    })

    it('filters trailers and informational answers as well', async () => {
      const chunked =
        'HTTP/1.1 103 Early Hints\r\nSet-Cookie: planted=1\r\nLink: </planted>; rel=preload\r\n\r\n' +
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n' +
        '4\r\nfine\r\n0\r\nSet-Cookie: planted=1\r\nWWW-Authenticate: planted\r\n\r\n'
      const answer = await ask(chunked)
      expect([answer.body.toString(), answer.headers.join('\n')]).toEqual([
        'fine',
        expect.not.stringMatching(/planted|trailer/i),
      ])
    })

    it('says nothing of us either: no credential, no header of ours but the request’s id', async () => {
      const answer = await ask(withLines([]))
      const names = answer.headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
      expect(names.sort()).toEqual(
        ['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'sallyport-request-id'].sort(),
      )
      expect(JSON.stringify(answer.headers)).not.toContain(canary)
    })
  },
)
