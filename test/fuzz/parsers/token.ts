import { decodeJwt, decodeProtectedHeader } from 'jose'
import { parseCompact } from '../../../src/identity/compact.ts'
import { SallyportError } from '../../../src/model/index.ts'
import { hold, type Parser } from '../parser.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Base64url by the letter of RFC 4648 §5 and §3.5: no padding, no other character, no bit left over. */
function decode(part: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const char of part) {
    const value = alphabet.indexOf(char)
    hold(value !== -1, 'only the alphabet is taken', part)
    held = (held << 6) | value
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
    held &= (1 << bits) - 1
  }
  hold(bits < 6 && held === 0, 'no bit is left over', part)
  return Buffer.from(bytes)
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export const token: Parser = {
  name: 'token',
  words: [
    ...[
      '.',
      '..',
      '=',
      '==',
      '+',
      '/',
      '-',
      '_',
      ' ',
      '\n',
      ',',
      'Bearer ',
      'e30',
      'e30.e30.AA',
      'AA',
      'AB',
      'A',
    ],
    ...[encode({ alg: 'none' }), encode({ alg: 'HS256', typ: 'at+jwt' }), encode({ jwk: {} }), encode([])],
    ...[
      encode({ __proto__: null, constructor: 1 }),
      'bnVsbA',
      'MQ',
      'IiI',
      '77u_e30',
      '_w',
      'eyJhIjoxfSB7fQ',
    ],
    ...['eyJhIjoxLCJhIjoyfQ', '\u00e9', '\uff21', '\0', 'e30=', 'W10', 'eyJhIjox', 'eyJpc3MiOjF9'],
  ],
  judge(input) {
    try {
      const jws = parseCompact(input)
      const [head, payload, signature, ...rest] = input.split('.')
      hold(rest.length === 0 && signature !== undefined, 'there are three parts', input)
      const bytes = [head, payload, signature].map((part) => decode(part ?? ''))
      const again = bytes.map((part) => part.toString('base64url')).join('.')
      hold(again === input, 'what was read is written the same', again)
      hold(`${jws.signed}.${jws.signature.toString('base64url')}` === input, 'nothing is lost', jws.signed)
      hold(input.length <= 16_384, 'it is not too long', input.length)
      judgeObject(jws.header, bytes[0]!, decodeProtectedHeader(input))
      judgeObject(jws.payload, bytes[1]!, decodeJwt(input))
      for (const name of ['crit', 'jwk', 'jku', 'x5u', 'x5c', 'zip', 'b64'])
        hold(!Object.hasOwn(jws.header, name), 'no header brings or names a key', name)
      const names = [jws.header, jws.payload].map((part) => Object.keys(part).sort().join(','))
      return `(${names.join(') (')}) ${jws.signature.length}`
    } catch (error) {
      if (error instanceof SallyportError) return error.code
      throw error
    }
  },
}

/** An object, as another library reads the same bytes, which are well-formed UTF-8 without a mark at the front. */
function judgeObject(ours: object, bytes: Buffer, theirs: object): void {
  hold(!Array.isArray(ours), 'it is an object', ours)
  hold(JSON.stringify(ours) === JSON.stringify(theirs), 'another library reads the same', ours, theirs)
  hold(Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes), 'it is UTF-8', bytes.toString('hex'))
  hold(bytes[0] !== 0xef, 'there is no mark at the front', bytes.toString('hex'))
  hold(Object.getPrototypeOf(ours) === Object.prototype, 'its prototype is nobody’s', ours)
}
