/**
 * A name as the most lenient readers take it: in any case and width, cut at NUL, without blanks around it, up to its
 * first bracket, and with the signs that PHP turns into `_`. Go takes `Amount` for `amount` in JSON, PHP `amount[]` for
 * `amount` in a form, so what only looks like a bound name could be read instead of it.
 */
function loose(name: string): string {
  const [upToNul = ''] = name.split('\0', 1)
  const text = upToNul.normalize('NFKC').trimStart().toLowerCase()
  const bracket = text.indexOf('[', 1)
  const own = bracket === -1 ? text : text.slice(0, bracket)
  return own.trimEnd().replace(/[ .[-]/g, '_')
}

/** Says of a name whether some reader may take it for one of these. */
export function alikeTo(names: readonly string[]): (name: string) => boolean {
  const known = new Set(names.map(loose))
  return (name) => known.has(loose(name))
}
