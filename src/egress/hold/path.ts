import { type JsonObject, parameterAt } from '../../model/index.ts'
import { decodePath } from '../../policy/index.ts'
import { type Holding, mismatch, refuse } from './refuse.ts'
import { sameText } from './values.ts'

/**
 * A path whose bound parameters are those of the call, written anew: each segment decoded once, compared, encoded.
 * @throws call_parameter_mismatch
 */
export function holdPath(path: string, held: Holding, call: JsonObject): string {
  const { binding, place } = held
  const { template, path: bound } = binding
  const texts = decodePath(path) ?? []
  const found = new Map<string, string>()
  const segments = template.map((segment, index) => {
    if (segment.kind === 'literal') return encodeLiteral(segment.text)
    const own = segment.kind === 'rest' ? texts.slice(index) : texts.slice(index, index + 1)
    found.set(segment.name, own.join('/'))
    return own.map(encodeURIComponent).join('/')
  })
  const written = `/${segments.join('/')}`
  // Another spelling of the same path and nothing else, whatever matched it.
  if (decodePath(written)?.join('/') !== texts.join('/')) throw refuse('call_parameter_mismatch', place)
  for (const [name, source] of bound) {
    const text = found.get(name)
    const wanted = parameterAt(call, source.parameter)
    if (text === undefined || wanted === undefined || !sameText(text, wanted))
      throw mismatch(held, source, { wanted, found: text })
  }
  return written
}

/** What is no data keeps the signs that may stand in a segment (RFC 3986 §3.3): some APIs have them in their templates. */
function encodeLiteral(text: string): string {
  return encodeURIComponent(text).replace(/%(?:24|26|2B|2C|3A|3D|40)/g, decodeURIComponent)
}
