import { type JsonObject, parameterAt } from '../../model/index.ts'
import type { Source } from '../../policy/index.ts'
import { type Holding, mismatch, refuse, unbound } from './refuse.ts'
import { sameText } from './values.ts'

/** To what the fields of a query or a form are held. */
export interface FieldTerms extends Pick<Holding, 'place' | 'tell'> {
  readonly where: 'query' | 'body'
  readonly bound: ReadonlyMap<string, Source>
  readonly free: (name: string) => boolean
  readonly rest: boolean
  /** May a reader take this name for a bound one? */
  readonly alike: (name: string) => boolean
}

type Field = readonly [name: string, value: string]

/**
 * The fields of a query or a form (`application/x-www-form-urlencoded`), compared with the call and written anew, so
 * that no other reading of them is left: `&` between fields, blanks as `%20`, everything else but letters escaped.
 * @throws call_parameter_mismatch, call_field_unbound
 */
export function holdFields(text: string, terms: FieldTerms, call: JsonObject): string {
  const { bound, free, rest, alike, where } = terms
  // Some readers take it for a separator, and then there is a field more.
  if (text.includes(';')) throw unbound(where, terms)
  const fields = readFields(text, terms)
  for (const [name] of fields) {
    if (bound.has(name) || free(name)) continue
    if (rest || alike(name)) throw unbound(`${where}.${name}`, terms)
  }
  for (const [name, source] of bound) {
    const [found, second] = fields.filter(([own]) => own === name)
    const wanted = parameterAt(call, source.parameter)
    const same = found === undefined || wanted === undefined ? found === wanted : sameText(found[1], wanted)
    if (!same || second !== undefined)
      throw mismatch(terms, source, { wanted, found: found?.[1], twice: second !== undefined })
  }
  return fields.map((field) => field.map(encodeURIComponent).join('=')).join('&')
}

function readFields(text: string, { where, place, tell }: FieldTerms): readonly Field[] {
  const fields = text.split('&').filter((field) => field !== '')
  try {
    return fields.map((field) => {
      const equals = field.indexOf('=')
      return equals === -1
        ? [decode(field), '']
        : [decode(field.slice(0, equals)), decode(field.slice(equals + 1))]
    })
  } catch {
    tell?.({ part: where })
    throw refuse('call_parameter_mismatch', place)
  }
}

/** @throws URIError where it is not percent-encoded UTF-8 */
const decode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))
