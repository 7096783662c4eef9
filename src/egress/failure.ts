import { type ErrorCode, SallyportError } from '../model/index.ts'
import { TransportError } from './transport.ts'

const timeouts = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])
const unreachable = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
])

/** What a failed exchange with a downstream is called. Codes of Node, OpenSSL, undici and our transport only; no text of theirs. */
export function describeFailure(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error
  return new SallyportError(codeOf(error), {}, error)
}

const ofTransport: Record<TransportError['code'], ErrorCode> = {
  TIMEOUT: 'downstream_timeout',
  MALFORMED: 'downstream_failed',
  CLOSED: 'downstream_failed',
  SHUT_DOWN: 'shutting_down',
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof TransportError) return ofTransport[error.code]
  // A piece of the request that no request can have.
  if (error instanceof TypeError) return 'internal'
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return 'downstream_failed'
  const { code } = error
  if (timeouts.has(code)) return 'downstream_timeout'
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return 'shutting_down'
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return 'internal'
  const tls = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(code)
  return tls || unreachable.has(code) ? 'downstream_unreachable' : 'downstream_failed'
}
