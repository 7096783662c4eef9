import { depth, introduces, nextOf, open, readCharacter, valueOf } from './escapes.ts'
import { type Needle, unbroken } from './needles.ts'

export type Compared = 'miss' | 'cut' | 'hit'

/** Line feed or carriage return. */
export function isBreak(value: number): boolean {
  return value === 10 || value === 13
}

/**
 * Whether a needle stands at `at`, each of its characters plain or escaped: `cut` where the text ends before that is
 * known.
 */
export function compare(text: Uint8Array, at: number, { bytes, fold, broken }: Needle): Compared {
  let place = at
  let index = 0
  while (index < bytes.length) {
    const value = text[place]
    if (value === undefined) return 'cut'
    if (introduces(value)) return compareEscaped(text, place, { bytes, fold, broken }, index)
    if (fold[value] === bytes[index]) index += 1
    else if (!broken || index < unbroken || !isBreak(value)) return 'miss'
    place += 1
  }
  return 'hit'
}

/**
 * The same from a character on that may be an escape. A credential may itself hold `%`, `&` or `\`, so that both
 * readings have to be followed: `places` are all those where the needle's next byte may stand.
 */
function compareEscaped(text: Uint8Array, at: number, needle: Needle, from: number): Compared {
  const { bytes, fold, broken } = needle
  let places = [at]
  let cut = false
  for (let index = from; index < bytes.length; index += 1) {
    const next: number[] = []
    // Line breaks are passed over by adding to what is being gone through.
    for (const place of places) {
      for (let layer = 0; layer <= depth; layer += 1) {
        const read = readCharacter(text, place, layer)
        if (read === open) {
          cut = true
          break
        }
        const value = valueOf(read)
        if (fold[value] === bytes[index]) addOnce(next, nextOf(read))
        else if (broken && index >= unbroken && isBreak(value)) addOnce(places, nextOf(read))
        if (!introduces(value)) break
      }
    }
    if (next.length === 0) return cut ? 'cut' : 'miss'
    places = next
  }
  return 'hit'
}

function addOnce(places: number[], place: number): void {
  if (!places.includes(place)) places.push(place)
}
