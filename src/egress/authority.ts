/** Host and port as a request names them. */
export interface Authority {
  /** Lower case; IPv6 in brackets. Compared as text and never resolved, so that a number is no other way to write it. */
  readonly host: string
  readonly port: number | undefined
}

const form = /^([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?$/

/** An authority without user information (RFC 3986 §3.2), or undefined for what is none or could be read as another. */
export function readAuthority(text: string): Authority | undefined {
  const [, host, digits] = form.exec(text.toLowerCase()) ?? []
  if (host === undefined) return undefined
  if (digits === undefined) return { host, port: undefined }
  const port = Number(digits)
  return port > 65_535 ? undefined : { host, port }
}

export const defaultPort = { http: 80, https: 443 } as const
export type Scheme = keyof typeof defaultPort

/** The same without a port that the scheme implies. */
export function withoutDefault({ host, port }: Authority, scheme: Scheme): Authority {
  return { host, port: port === defaultPort[scheme] ? undefined : port }
}
