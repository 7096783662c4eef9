import { isIP } from 'node:net'

/** Why a text is no URL that we take, or undefined. */
export function parseUrl(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) return 'this is no http or https URL'
  const url = URL.parse(text)
  if (url === null) return 'this is no http or https URL'
  if (url.username !== '' || url.password !== '') return 'the URL holds a user or password'
  if (text.includes('?') || text.includes('#')) return 'the URL holds a query or fragment'
  if (/[\s\\]|\/\.{1,2}(\/|$)|%/.test(text))
    return 'the URL holds blanks, backslashes, dot segments or percent-encoding'
  return undefined
}

/** Why a text is no `host:port` in its one form, or undefined. */
export function parsePlace(text: string): string | undefined {
  const port = Number(/^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\]):([1-9]\d{0,4})$/.exec(text)?.[1])
  if (Number.isNaN(port) || port > 65_535) return 'this is no host:port'
  // A name that a URL parser reads as something else (0x7f.1) is not what it seems.
  const same = port === 443 ? text.slice(0, -':443'.length) : text
  if (URL.parse(`https://${text}`)?.host !== same || text.includes('.:'))
    return 'this host is not in its one form'
  return undefined
}

/** Is this an IP address or a CIDR block? */
export function isBlock(text: string): boolean {
  const [address = '', bits, more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more !== undefined || address.includes('%')) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** A count in a window of so many seconds. */
export interface CountWithin {
  readonly count: number
  readonly within: number
}

/** `60/1m` as a count in a window, or why it is none. */
export function parseRate(text: string): CountWithin | string {
  const [, count, span, unit = ''] = /^(\d{1,9})\/(\d{0,9})(\D{0,9})$/.exec(text) ?? []
  if (count === undefined || span === undefined) return 'this is no count in a window'
  if (unit === '') return 'the window has no unit'
  if (!/^[smh]$/.test(unit)) return 'the unit of the window is none of s, m and h'
  if (span === '') return 'the window has no length'
  const within = inSeconds(`${span}${unit}`)
  if (within < 1 || within > 3600) return 'the window is not between 1s and 1h'
  if (Number(count) < 1 || Number(count) > 1_000_000) return 'the count is not between 1 and 1000000'
  return { count: Number(count), within }
}

/** Seconds of `30s`, `5m`, `12h`, `400d` or a number. */
export function inSeconds(span: string | number): number {
  if (typeof span === 'number') return span
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
  return Number(span.slice(0, -1)) * (units[span.slice(-1)] ?? Number.NaN)
}

/** How many single changes lie between two texts (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The known text that a misspelt one is likely to mean. */
export function nearest(text: string, known: readonly string[]): string | undefined {
  const plain = (it: string) => it.toLowerCase().replaceAll(/[-_ ]/g, '')
  const ranked = known
    .map((it) => ({ it, far: distance(plain(text.slice(0, 200)), plain(it)) }))
    .sort((a, b) => a.far - b.far)
  const best = ranked[0]
  return best !== undefined && best.far <= Math.max(1, Math.floor(best.it.length / 3)) ? best.it : undefined
}
