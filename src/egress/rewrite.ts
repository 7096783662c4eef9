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
 * One header value with every URL of the downstream's origin turned into its place at the egress, or undefined for
 * one that must not pass. Other URLs pass in `Location` and `Content-Location`, except one that names the egress
 * itself: it would bring the caller to another downstream than it asked, and with its token. In `Link` they do not
 * pass, since clients follow those with their token. What is not a URL passes.
 */
export function rewriteHeader(name: string, value: string, vantage: Vantage): string | undefined {
  if (name === 'link') return rewriteLink(value, vantage)
  const url = read(value, vantage)
  if (url === undefined) return value
  return placeOf(url, vantage) ?? (isEgress(url, vantage) ? undefined : besides(url, value, vantage))
}

function read(text: string, { asked }: Vantage): URL | undefined {
  return URL.canParse(text, asked) ? new URL(text, asked) : undefined
}

/** Where a URL of the downstream is found at the egress; undefined where it is none of those. */
function placeOf(url: URL, { downstream, egress, forward }: Vantage): string | undefined {
  if (!isOfDownstream(url, downstream)) return undefined
  if (forward) return egress + url.pathname + url.search + url.hash
  const base = downstream.basePath
  if (url.pathname !== base && !url.pathname.startsWith(`${base}/`)) return undefined
  return `${egress}/downstream/${downstream.name}${url.pathname.slice(base.length)}${url.search}${url.hash}`
}

function isOfDownstream(url: URL, downstream: Downstream): boolean {
  return url.origin === downstream.origin && url.username === '' && url.password === ''
}

/** Relative references beside the base path are named in whole, since at the egress they would mean another place. */
function besides(url: URL, text: string, { downstream }: Vantage): string {
  return isOfDownstream(url, downstream) ? url.href : text
}

function isEgress(url: URL, { egress, forward }: Vantage): boolean {
  return forward !== true && url.origin === new URL(egress).origin
}

/** Answered with 404, and at the egress: a client that follows it shows its token to nobody else. */
const elsewhere = '/elsewhere'

/**
 * RFC 8288 §3: targets stand in `<…>` outside of quoted strings. Some clients search for `<…>` without minding the
 * quotes, so what is a whole URL is treated alike there; and brackets that do not pair are read in several ways.
 */
function rewriteLink(value: string, vantage: Vantage): string | undefined {
  if (!/^[^<>]*(?:<[^<>]*>[^<>]*)*$/.test(value)) return undefined
  let quoted = false
  return value.replace(/\\["\\]|"|<([^<>]*)>/g, (piece, target: string | undefined) => {
    if (piece === '"') quoted = !quoted
    if (target === undefined || (quoted && !/:|\/\//.test(target))) return piece
    const url = read(target, vantage)
    const place = url === undefined ? undefined : placeOf(url, vantage)
    if (place !== undefined) return `<${place}>`
    const web = url?.protocol === 'https:' || url?.protocol === 'http:'
    return !web || vantage.forward === true ? piece : `<${vantage.egress}${elsewhere}>`
  })
}
