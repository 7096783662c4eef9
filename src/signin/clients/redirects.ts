/** The longest redirect URI that is taken, in characters. */
const longest = 500

/** Nothing of these is an app: a browser would run, show or fetch it (RFC 9700 §4.10). */
const noApp =
  /^(?:about|blob|chrome|data|file|filesystem|ftp|http|https|intent|javascript|mailto|resource|sms|tel|vbscript|view-source|wss?):/i

const web = /^https:\/\/[a-z0-9.-]+(?::\d{1,5})?(?:[/?]|$)/i
const loopback = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d{1,5})?(?=[/?]|$)/
const own = /^[a-z][a-z0-9+.-]{1,63}:(?!\/\/\/)[^\s]/i

/**
 * May this be a redirect URI at all? https, http to this very machine, or a scheme of an app's own (RFC 8252 §7). No
 * fragment (RFC 6749 §3.1.2), user or backslash, and nothing that a URL parser would read as something else.
 */
export function isRedirect(text: string): boolean {
  if (text.length > longest || !/^[\x21-\x7e]+$/.test(text) || /[#\\<>"]/.test(text)) return false
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return false
  if (web.test(text)) return url.protocol === 'https:'
  return loopback.test(text) || (own.test(text) && !noApp.test(text))
}

/** Compared as text. Only the port of a loopback one may be another: a program takes what is free (RFC 8252 §7.3). */
export function sameRedirect(registered: string, presented: string): boolean {
  if (registered === presented) return true
  return isLoopback(registered) && isLoopback(presented) && withoutPort(registered) === withoutPort(presented)
}

/** Does it lead to a program on the person's own machine? */
export const isLoopback = (redirect: string): boolean => loopback.test(redirect)

const withoutPort = (redirect: string): string => redirect.replace(loopback, '$1')

/**
 * Can nobody but its owner receive there? A web host alone: whatever runs on a machine may listen at a loopback port or
 * claim a scheme (RFC 8252 §8.6).
 */
export function isExclusive(redirect: string): boolean {
  const hostname = web.test(redirect) ? URL.parse(redirect)?.hostname : undefined
  return hostname !== undefined && !/^(?:.*\.)?localhost\.?$|^\d+(?:\.\d+){3}$/.test(hostname)
}
