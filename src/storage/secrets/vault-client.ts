import nodeVault from 'node-vault'
import type { GuardedFetch, Secret } from '../../model/index.ts'
import { isCount, isText, type JsonObject, pick } from './json.ts'
import { vaultTransport } from './vault-transport.ts'

export interface VaultRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Without `/v1`, beginning with `/`. */
  readonly path: string
  readonly body?: JsonObject
  readonly token?: Secret
}

/** Any answer of the server, also a refusing one. */
export interface VaultAnswer {
  readonly status: number
  readonly body: unknown
  readonly errors: readonly string[]
}

export interface VaultClient {
  /** One request, one attempt. @throws VaultFailure where no answer came */
  call(request: VaultRequest): Promise<VaultAnswer>
}

/** Paths are made of names of our own making; anything that could leave its place is a mistake of ours. */
const pathPattern = /^(?:\/[A-Za-z0-9._-]+)+(?:\?[a-z0-9=&]+)?$/

function checkPath(path: string): void {
  if (!pathPattern.test(path) || path.split('/').some((part) => part === '.' || part === '..')) {
    throw new TypeError('not a path of the vault layout')
  }
}

function answerOf(error: unknown): VaultAnswer {
  const status = pick(error, 'response', 'statusCode')
  const body = pick(error, 'response', 'body')
  if (!isCount(status)) throw error
  const errors = pick(body, 'errors')
  return { status, body, errors: Array.isArray(errors) ? errors.filter(isText) : [] }
}

/**
 * node-vault, reduced to what can be trusted of it (research B1): `request` with our own paths and transport. None
 * of its generated commands, renewals or environment variables is in use; tokens go per request, never in its state.
 */
export function createVaultClient(input: {
  readonly address: string
  readonly namespace?: string
  readonly fetch: GuardedFetch
  readonly timeoutMs?: number
}): VaultClient {
  const origin = new URL(input.address).origin
  const transport = vaultTransport({ origin, fetch: input.fetch, timeoutMs: input.timeoutMs ?? 5000 })
  const vault = nodeVault({
    endpoint: origin,
    commands: {},
    debug: () => undefined,
    'request-promise': { defaults: () => transport },
  })
  // Where these are empty in the options, node-vault takes VAULT_TOKEN, VAULT_PREFIX and VAULT_NAMESPACE.
  Object.assign(vault, { token: '', pathPrefix: '', namespace: input.namespace ?? '' })

  return {
    async call({ method, path, body, token }) {
      checkPath(path)
      const headers = token === undefined ? {} : { 'X-Vault-Token': token.reveal() }
      try {
        const answer: unknown = await vault.request({
          method,
          path,
          headers,
          ...(body === undefined ? {} : { json: body }),
        })
        return { status: 200, body: answer, errors: [] }
      } catch (error) {
        return answerOf(error)
      }
    },
  }
}
