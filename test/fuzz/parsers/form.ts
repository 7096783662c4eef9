import { parseForm } from '../../../src/identity/form.ts'
import { SallyportError } from '../../../src/model/index.ts'
import { hold, type Parser } from '../parser.ts'

/** The body of a token request, read beside WHATWG's parser of forms. */
export const form: Parser = {
  name: 'form',
  words: [
    ...[
      '&',
      '=',
      '==',
      '&&',
      '+',
      '%20',
      '%',
      '%2',
      '%zz',
      '%26',
      '%3D',
      '%00',
      '%0a',
      '%e2%80%a8',
      '%ff',
      ';',
      '?',
    ],
    ...[
      'subject_token',
      'subject_token=',
      'audience=',
      'resource=',
      'grant_type=',
      'scope=',
      'client_id=',
      '[]',
    ],
    ...[
      '__proto__=',
      'constructor=',
      'a=b',
      '\u00e9',
      '\0',
      '\n',
      ' ',
      '%ED%A0%80',
      '%C0%AF',
      '+=+',
      'a[]=b',
    ],
  ],
  judge(input) {
    let read
    try {
      read = parseForm(input)
    } catch (error) {
      if (error instanceof SallyportError) return error.code
      throw error
    }
    // A `?` at the front would be dropped there.
    const theirs = new URLSearchParams(`&${input}`)
    const names = [...new Set(theirs.keys())]
    for (const name of names) {
      const all = theirs.getAll(name).filter((value) => value !== '')
      hold(JSON.stringify(read.all(name)) === JSON.stringify(all), 'another parser reads the same', name, all)
      hold(read.one(name) === all[0], 'and so the first', name)
      const twice = theirs.getAll(name).length > 1
      hold(!twice || name === 'audience' || name === 'resource', 'nothing comes twice but targets', name)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
      hold(!/[\u0000-\u001f\u007f]/.test(name + all.join('')), 'no control is in it', name, all)
    }
    for (const name of ['__proto__', 'constructor', 'toString'])
      hold(read.one(name) === (theirs.get(name) || undefined), 'nothing is inherited', name)
    return `${names.length} names: ${names.join(' ')}`
  },
}
