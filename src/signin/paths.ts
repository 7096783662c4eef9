/** First segments of the paths that are this room's, as parts of a regular expression. */
export const signInPaths: readonly string[] = ['oauth2', 'login', String.raw`\.well-known`]

/** What pages of any origin may read: it holds no cookie, and clients that run in a browser need it. */
const open = /^\/(?:\.well-known\/|oauth2\/(?:token|keys|revoke|register)(?:$|\?))/

export const isOpen = (url: string): boolean => open.test(url)

/** Whom a form of a client's own page may post to, besides: it changes nothing before a person has agreed on ours. */
const authorize = /^\/oauth2\/authorize(?:$|\?)/

export const anyOriginMayAsk = (url: string): boolean => isOpen(url) || authorize.test(url)
