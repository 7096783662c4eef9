import { type FetchAnswer, type GuardedFetch, SallyportError } from '../../model/index.ts'

/** What node-vault hands to its `request-promise` hook; of it, only this is looked at. */
export interface HookRequest {
  readonly uri: string
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
}

export interface HookResponse {
  readonly statusCode: number
  readonly body: unknown
  readonly request: { readonly path: string }
}

export type FailureKind = 'unreachable' | 'timeout' | 'redirect' | 'foreign'

/** The exchange did not come to an answer of a Vault. Holds a code and nothing that was sent or received. */
export class VaultFailure extends Error {
  readonly kind: FailureKind
  readonly detail: string

  constructor(kind: FailureKind, detail: string) {
    super(`the vault was not reached: ${kind}`)
    this.name = 'VaultFailure'
    this.kind = kind
    this.detail = detail
  }
}

const healthPath = '/v1/sys/health'
const errorCode = /^[A-Z][A-Z0-9_]{1,39}$/

/** The system's error code (ECONNREFUSED, ...) somewhere in the chain of causes, and nothing else of it. */
function codeOf(error: unknown): string {
  let at: unknown = error
  for (let depth = 0; depth < 5 && at instanceof Error; depth += 1) {
    const code: unknown = 'code' in at ? at.code : undefined
    if (typeof code === 'string' && errorCode.test(code)) return code
    at = at.cause
  }
  return 'UNKNOWN'
}

/** The dialler judged the address before anything was sent. */
function refusedAddress(error: SallyportError): SallyportError {
  if (error.code !== 'address_refused') return error
  const remedy = 'the address of the vault may not be dialled: allow it under network.allow'
  return new SallyportError('address_refused', { field: 'vault.address', remedy }, error)
}

function failureOf(error: unknown): Error {
  if (error instanceof SallyportError) return refusedAddress(error)
  const name = error instanceof Error ? error.name : ''
  if (name === 'TimeoutError' || name === 'AbortError') return new VaultFailure('timeout', 'TIMEOUT')
  return new VaultFailure('unreachable', codeOf(error))
}

/** Every answer of a Vault is JSON or empty; anything else comes from somebody else. */
async function readBody(response: FetchAnswer): Promise<unknown> {
  const text = await response.text()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new VaultFailure('foreign', `STATUS_${response.status}`)
  }
}

/**
 * Stands in for axios in node-vault, so that no redirect is followed, no proxy or TLS switch of the environment
 * counts, every request ends in time, and no error carries what was sent. Goes to `origin` and nowhere else.
 */
export function vaultTransport(input: {
  readonly origin: string
  readonly fetch: GuardedFetch
  readonly timeoutMs: number
}): (request: HookRequest) => Promise<HookResponse> {
  const { origin, fetch, timeoutMs } = input
  return async (request) => {
    const url = new URL(request.uri)
    if (url.origin !== origin || url.hash !== '' || !url.pathname.startsWith('/v1/')) {
      throw new SallyportError('internal')
    }
    try {
      const response = await fetch(url, {
        method: request.method,
        headers: {
          ...request.headers,
          'X-Vault-Request': 'true',
          ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      })
      const { status } = response
      if (status >= 300 && status < 400) throw new VaultFailure('redirect', `STATUS_${status}`)
      const body = await readBody(response)
      return {
        // node-vault knows 200 and 204 as success only.
        statusCode: status >= 200 && status < 300 ? 200 : status,
        body,
        // It also takes any path that contains "sys/health" for a health answer, whatever its status.
        request: { path: url.pathname === healthPath ? healthPath : '' },
      }
    } catch (error) {
      throw error instanceof VaultFailure ? error : failureOf(error)
    }
  }
}
