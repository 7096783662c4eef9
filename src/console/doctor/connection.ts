import { SallyportError } from '../../model/index.ts'
import type { Diagnosis, Words } from './finding.ts'

/** What is connected to, for the words of a finding. */
export interface Place {
  /** `IdP`, `Vault`, `Downstream orders`. */
  readonly what: string
  readonly url: string
  /** The setting that names it. */
  readonly field: string
  /** The setting that says whose certificates are trusted there. */
  readonly trust: string
}

/** For places whose certificates are judged by what the machine trusts. */
export const systemTrust = 'NODE_EXTRA_CA_CERTS: a file with the CA of that certificate'

/** Codes of Node and OpenSSL, and what they mean to somebody who operates this. */
const codes: Readonly<Record<string, Diagnosis['code']>> = {
  ENOTFOUND: 'name_unknown',
  EAI_AGAIN: 'name_unknown',
  EAI_FAIL: 'name_unknown',
  ENODATA: 'name_unknown',
  ECONNREFUSED: 'port_closed',
  ETIMEDOUT: 'no_connection',
  EHOSTUNREACH: 'no_connection',
  ENETUNREACH: 'no_connection',
  ENETDOWN: 'no_connection',
  UND_ERR_CONNECT_TIMEOUT: 'no_connection',
  TIMEOUT: 'no_connection',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'tls_untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_untrusted',
  CERT_UNTRUSTED: 'tls_untrusted',
  CERT_HAS_EXPIRED: 'tls_expired',
  CERT_NOT_YET_VALID: 'tls_expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls_other_name',
  EPROTO: 'tls_absent',
  ERR_SSL_WRONG_VERSION_NUMBER: 'tls_absent',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'tls_absent',
}

/** The code of an error, or of what it was caused by. */
function codeOf(error: unknown): string {
  let at: unknown = error
  for (let depth = 0; depth < 6 && at instanceof Error; depth += 1) {
    if (at instanceof SallyportError && at.code === 'address_refused') return at.code
    const { code } = at as { readonly code?: unknown }
    if (typeof code === 'string' && code in codes) return code
    if (at.name === 'TimeoutError') return 'TIMEOUT'
    at = at instanceof AggregateError ? at.errors[0] : at.cause
  }
  return ''
}

/** Why no connection came about. Pure. */
export function diagnoseConnection(error: unknown, place: Place, seconds: number): Diagnosis {
  const { hostname, port, protocol } = new URL(place.url)
  const words: Words = {
    ...place,
    host: hostname,
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : port,
    seconds,
  }
  const code = codeOf(error)
  return { code: code === 'address_refused' ? 'address_refused' : (codes[code] ?? 'broken_off'), words }
}
