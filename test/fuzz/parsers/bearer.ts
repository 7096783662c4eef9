import type { IncomingMessage } from 'node:http'
import { receivePlain } from '../../../src/egress/receive.ts'
import { readProxyToken } from '../../../src/egress/proxy-token.ts'
import { SallyportError } from '../../../src/model/index.ts'
import { hold, type Parser } from '../parser.ts'

const door = { hosts: ['127.0.0.1'], origins: [] }

/** RFC 6750 §2.1 with the grammar of RFC 9110 §11.4, by another hand: a scheme, spaces, one `b64token`. */
function byGrammar(value: string): string | undefined {
  const [scheme = '', ...rest] = value.split(' ')
  if (scheme.toLowerCase() !== 'bearer') return undefined
  const words = rest.filter((word) => word !== '')
  const [only = ''] = words
  if (words.length !== 1) return undefined
  const padding = only.indexOf('=')
  const body = padding === -1 ? only : only.slice(0, padding)
  const tail = padding === -1 ? '' : only.slice(padding)
  const whole = body !== '' && !/[^A-Za-z0-9._~+/-]/.test(body) && tail.replaceAll('=', '') === ''
  return whole ? only : undefined
}

function read(reading: () => string): string {
  try {
    return `:${reading()}`
  } catch (error) {
    if (error instanceof SallyportError) return error.code
    throw error
  }
}

/** The value of an `Authorization` or `Proxy-Authorization` header, as Node hands it over: without space around it. */
export const bearer: Parser = {
  name: 'bearer',
  words: [
    ...[
      'Bearer',
      'Bearer ',
      'bearer ',
      'BEARER  ',
      'Basic ',
      'DPoP ',
      'Bearer\t',
      ' ',
      '  ',
      '\t',
      ',',
      ', ',
      ';',
      '=',
    ],
    ...[
      '==',
      '"',
      'a',
      'eyJh.eyJi.c2ln',
      'YTpi',
      'Og==',
      'eDplZXlK',
      ':',
      '\u00e9',
      '\u00a0',
      '\u2003',
      '%20',
      '\\',
    ],
    ...['token=', 'realm="x"', '~', '+/', '-._', '\0', '\n', '\r\nX: y'],
  ],
  judge(input) {
    const value = input.replace(/^[ \t]+|[ \t]+$/g, '')
    const plain = { rawHeaders: ['Host', '127.0.0.1', 'Authorization', value] } as unknown as IncomingMessage
    const given = read(() => receivePlain(plain, door))
    const expected = byGrammar(value)
    const accepted = given.startsWith(':')
    hold(accepted === (expected !== undefined), 'taken is what the grammar takes', value, given, expected)
    hold(!accepted || given === `:${expected}`, 'and the very token', given, expected)
    hold(!accepted || !/[\s,;"]/.test(given), 'which is one word', given)
    const twice = { rawHeaders: [...plain.rawHeaders, 'authorization', value] } as unknown as IncomingMessage
    hold(read(() => receivePlain(twice, door)) === 'token_ambiguous', 'twice is refused', value)
    const byProxy = read(() => readProxyToken(['Proxy-Authorization', value], undefined))
    hold(byGrammar(value) === undefined || byProxy === given, 'a proxy’s is read alike', byProxy, given)
    hold(!byProxy.startsWith(':') || /^:[A-Za-z0-9._~+/-]+=*$/.test(byProxy), 'and is one word too', byProxy)
    return byProxy === given ? given : `${given} ${byProxy}`
  },
}
