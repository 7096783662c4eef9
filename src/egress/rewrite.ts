import type { Downstream } from '../model/index.ts'

/** Where a downstream's URLs are found from the caller's side. */
export interface Vantage {
  readonly downstream: Downstream
  /** Scheme and authority by which the caller reached the egress, or, with `forward`, names the downstream. */
  readonly egress: string
  readonly forward?: true
  /** The URL that was asked for downstream: relative references count from there. */
  readonly asked: string
}

/** Headers whose URLs a caller may go to next. */
export const rewritten: ReadonlySet<string> = new Set(['location', 'content-location', 'link'])

/**
 * One header value with every URL of the downstream's origin turned into its place at the egress. Others pass as
 * they are; they are no place to bring a token to. What is not a URL passes too.
 */
export function rewriteHeader(name: string, value: string, vantage: Vantage): string {
  return name === 'link' ? rewriteLink(value, vantage) : rewriteUrl(value, vantage)
}

function rewriteUrl(text: string, { downstream, egress, asked, forward }: Vantage): string {
  if (!URL.canParse(text, asked)) return text
  const url = new URL(text, asked)
  if (url.origin !== downstream.origin || url.username !== '' || url.password !== '') return text
  if (forward) return egress + url.pathname + url.search + url.hash
  const base = downstream.basePath
  if (url.pathname !== base && !url.pathname.startsWith(`${base}/`)) return url.href
  return `${egress}/downstream/${downstream.name}${url.pathname.slice(base.length)}${url.search}${url.hash}`
}

/** RFC 8288 §3: targets stand in `<…>` outside of quoted strings. */
function rewriteLink(value: string, vantage: Vantage): string {
  let out = ''
  let quoted = false
  for (let index = 0; index < value.length; index++) {
    const char = value.charAt(index)
    if (quoted && char === '\\') {
      out += char + value.charAt(++index)
      continue
    }
    if (char === '"') quoted = !quoted
    const end = char === '<' && !quoted ? value.indexOf('>', index) : -1
    if (end === -1) {
      out += char
      continue
    }
    out += `<${rewriteUrl(value.slice(index + 1, end), vantage)}>`
    index = end
  }
  return out
}
