import { depth, introduces, nextOf, open, readCharacter, valueOf } from './escapes.ts'
import { type Needle, unbroken } from './needles.ts'

export type Compared = 'miss' | 'cut' | 'hit'

/** Line feed or carriage return. */
export function isBreak(value: number): boolean {
  return value === 10 || value === 13
}

/** CR LF: a blank line stands in no needle, and what waits for a needle's rest is bounded. */
const mostBreaks = 2

/**
 * Whether a needle stands at `at`, each of its characters plain or escaped: `cut` where the text ends before that is
 * known.
 */
export function compare(text: Uint8Array, at: number, needle: Needle): Compared {
  const { bytes, fold, broken } = needle
  let place = at
  let index = 0
  let breaks = 0
  while (index < bytes.length) {
    const value = text[place]
    if (value === undefined) return 'cut'
    if (introduces(value)) return compareEscaped(text, { at: place, index, breaks }, needle)
    if (fold[value] === bytes[index]) {
      index += 1
      breaks = 0
    } else {
      breaks += 1
      if (!broken || index < unbroken || !isBreak(value) || breaks > mostBreaks) return 'miss'
    }
    place += 1
  }
  return 'hit'
}

/** Where a needle's next byte may stand, and how many line breaks stood right before. */
interface Place {
  readonly at: number
  readonly breaks: number
}

/**
 * The same from a character on that may be an escape. A credential may itself hold `%`, `&` or `\`, so that both
 * readings have to be followed: each byte of the needle has its places.
 */
function compareEscaped(
  text: Uint8Array,
  from: Place & { readonly index: number },
  { bytes, fold, broken }: Needle,
): Compared {
  let places: Place[] = [from]
  let cut = false
  for (let index = from.index; index < bytes.length; index += 1) {
    const next: Place[] = []
    const mayBreak = broken && index >= unbroken
    // Line breaks are passed over by adding to what is being gone through.
    for (const { at, breaks } of places) {
      for (let layer = 0; layer <= depth; layer += 1) {
        const read = readCharacter(text, at, layer)
        if (read === open) {
          cut = true
          break
        }
        const value = valueOf(read)
        if (fold[value] === bytes[index]) addOnce(next, { at: nextOf(read), breaks: 0 })
        else if (mayBreak && breaks < mostBreaks && isBreak(value))
          addOnce(places, { at: nextOf(read), breaks: breaks + 1 })
        if (!introduces(value)) break
      }
    }
    if (next.length === 0) return cut ? 'cut' : 'miss'
    places = next
  }
  return 'hit'
}

function addOnce(places: Place[], place: Place): void {
  if (!places.some(({ at }) => at === place.at)) places.push(place)
}
