const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const notPlain = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g
const credentialLike = /eyJ|earer |asic |DPoP /
const jwtShape = /eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)*/g
const schemeShape = /\b([Bb]earer|[Bb]asic|DPoP) +[A-Za-z0-9+/._~=-]{6,}/g

/**
 * JSON text of a string in printable ASCII only: whatever is not (controls, line separators, bidi marks, quotes,
 * lone surrogates) is escaped, so that no value can start a line, move a terminal's cursor or hide text. Cut at
 * `bound` characters, and what was cut is counted.
 */
export function quote(text: string, bound: number): string {
  if (text.length <= bound && plain.test(text)) return `"${text}"`
  const cut = text.length <= bound ? text : `${text.slice(0, bound)}…(+${text.length - bound})`
  return `"${cut.replace(notPlain, escapeUnit)}"`
}

/** As `quote`, for text that came from outside: what has the shape of a credential is taken out (defence in depth). */
export function quoteForeign(text: string, bound: number): string {
  if (!credentialLike.test(text)) return quote(text, bound)
  return quote(text.replace(jwtShape, '[token removed]').replace(schemeShape, '$1 [token removed]'), bound)
}

/** Text for a person's terminal: what does not print is shown escaped, never sent. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, index) => escapeUnit(found.slice(index))).join(''),
  )
}

function escapeUnit(unit: string): string {
  if (unit === '"' || unit === '\\') return `\\${unit}`
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
