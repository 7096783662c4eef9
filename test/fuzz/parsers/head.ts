import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { listenerOptions } from '../../../src/egress/index.ts'
import { receive } from '../../../src/egress/receive.ts'
import { SallyportError } from '../../../src/model/index.ts'
import { readRequests } from '../../kit/wire.ts'
import { hold, type Parser } from '../parser.ts'

const door = { hosts: ['127.0.0.1'], origins: [] }

/** What never leaves, written down again by another hand; names with `_` read as `-`. */
const neverLeaves =
  /^(authorization|proxy-(authorization|authenticate|authentication-info|connection)|cookie2?|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length|http2-settings|x-forwarded-.*|forwarded|x-real-ip|sallyport-.*|x-api-key|api-?key|x-auth-token|x-(http-)?method(-override)?|x-(original|rewrite)-url)$/

/** What our own step made of the last request, and the headers that Node gave it. */
interface Seen {
  readonly outcome: string
  readonly raw: readonly string[]
  readonly leaving: readonly string[]
  /** A body of the kind that was announced. */
  readonly body: string
  readonly bearer: string
}

/**
 * Header lines off the wire, as latin1 text: a real listener with our options, the step that reads the head, and
 * beside them a strict reader of the same bytes. What leaves is written down as bytes and read by that one again.
 */
export function openHead(): Parser {
  let seen: Seen | undefined
  const server = createServer(listenerOptions(2_000), (request, response) => {
    seen ??= readBy(request)
    response.writeHead(204, { connection: 'close' }).end()
  })
  server.on('clientError', (_error, socket) => void socket.destroy())
  const listening = once(server.listen(0, '127.0.0.1'), 'listening')

  const send = async (bytes: Buffer): Promise<Seen | undefined> => {
    await listening
    seen = undefined
    const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.end(bytes)
    socket.resume()
    await once(socket, 'close')
    return seen
  }
  return {
    name: 'head',
    words: [
      ...[
        '\r\n',
        '\n',
        '\r',
        ': ',
        ':',
        ' ',
        '\t',
        '\0',
        ',',
        ';',
        '"',
        '_',
        '-',
        '\x7f',
        '\x80',
        '\xff',
        '\r\n ',
      ],
      ...[
        'Host: 127.0.0.1\r\n',
        'Authorization: Bearer a.b.c\r\n',
        'Content-Length: 0\r\n',
        'Content-Length: 1',
      ],
      ...[
        'Transfer-Encoding: chunked\r\n',
        'Connection: X-A\r\n',
        'Connection: close, ',
        'X_Forwarded_For: x\r\n',
      ],
      ...[
        'X-A: b\r\n',
        'x-a:c\r\n',
        'Cookie: a=b\r\n',
        'Origin: null\r\n',
        'Expect: 100-continue\r\n',
        'TE: trailers',
      ],
      ...[
        'Sallyport-X: y\r\n',
        'Proxy-Authorization: z\r\n',
        'Content-Type: a/b\r\n',
        'Upgrade: h2c\r\n',
        'X-A: \r\n',
      ],
      ...[
        'Sec-Fetch-Site: cross-site\r\n',
        'AUTHORIZATION: ',
        'Authorization : ',
        ' Authorization: ',
        'X-A\r\n',
      ],
    ],
    async judge(input) {
      const lines = input.endsWith('\r\n') || input === '' ? input : `${input}\r\n`
      const bytes = Buffer.from(`GET /downstream/orders/x HTTP/1.1\r\n${lines}\r\n`, 'latin1')
      const found = await send(bytes)
      if (found === undefined) return 'refused_by_node'
      const { outcome, raw, leaving, body, bearer } = found
      if (outcome !== 'taken') return outcome
      const text = bytes.toString('latin1')
      const head = text.slice(0, text.indexOf('\r\n\r\n') + 4)
      const [strict] = readRequests(Buffer.from(inSmall(head) + body, 'latin1')).messages
      hold(strict !== undefined, 'a strict reader takes what we take', input)
      const read = inSmall(raw.join('\r\n'))
      hold(strict.headers.join('\r\n') === read, 'and reads the same headers', strict.headers, raw)
      judgeLeaving(leaving, raw, bearer)
      return `leaving ${leaving.filter((_, index) => index % 2 === 0).join(' ')}`.trimEnd()
    },
    close: async () => {
      await listening
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The one coding's name may be in capitals (RFC 9112 §7); that reader wants it small. */
const inSmall = (text: string): string => text.replace(/\bchunked(?=\r\n|$)/gi, 'chunked')

function readBy(request: Parameters<typeof receive>[0]): Seen {
  const { rawHeaders: raw } = request
  try {
    const { arrived, bearer } = receive(request, door, {
      id: 'r',
      at: 0,
    })
    const body = arrived.chunked ? '0\r\n\r\n' : 'x'.repeat(Math.min(arrived.length ?? 0, 1_000_000))
    return { outcome: 'taken', raw, leaving: arrived.head, body, bearer }
  } catch (error) {
    return {
      outcome: error instanceof SallyportError ? error.code : `threw ${String(error)}`,
      raw,
      leaving: [],
      body: '',
      bearer: '',
    }
  }
}

/** One name is one name and one value one value, to whoever reads them next. */
function judgeLeaving(leaving: readonly string[], raw: readonly string[], bearer: string): void {
  const pairs = leaving.flatMap((name, index) =>
    index % 2 === 0 ? [[name, leaving[index + 1] ?? ''] as const] : [],
  )
  const bytes = Buffer.from(
    `GET / HTTP/1.1\r\n${pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    'latin1',
  )
  const [again] = readRequests(bytes).messages
  hold(again !== undefined, 'what leaves is one message', leaving)
  hold(JSON.stringify(again.headers) === JSON.stringify(leaving), 'and is read as it was written', leaving)
  const came = raw.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text))
  const hop = pairsOf(came)
    .filter(([name]) => name === 'connection')
    .flatMap(([, value]) => value.split(',').map((it) => comparable(it.trim())))
  for (const [name, value] of pairs) {
    hold(name === name.toLowerCase(), 'names are in lower case', name)
    hold(!neverLeaves.test(comparable(name)), 'nothing leaves that must not', name)
    hold(!hop.includes(comparable(name)), 'nothing of this hop leaves', name)
    hold(
      pairsOf(came).some((it) => it[0] === name && it[1] === value),
      'nothing leaves that did not come',
      name,
      value,
    )
    hold(!value.includes(bearer), 'the token leaves in no header', name)
  }
}

const comparable = (name: string): string => name.toLowerCase().replaceAll('_', '-')
const pairsOf = (list: readonly string[]): [string, string][] =>
  list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? ''] as [string, string]] : []))
