import { type ErrorFacts, SallyportError } from '../../model/index.ts'
import type { Role } from './backend.ts'
import type { VaultAnswer } from './vault-client.ts'
import { VaultFailure } from './vault-transport.ts'

/** A status and nothing else, for the log. */
class VaultRefusal extends Error {
  readonly detail: string

  constructor(status: number) {
    super('the vault refused')
    this.name = 'VaultRefusal'
    this.detail = `STATUS_${status}`
  }
}

const setup = 'run deploy/openbao/setup.mjs with an administrative token'

const failureRemedies: Record<VaultFailure['kind'], string> = {
  unreachable: 'check that the vault runs and that the address, the network rules and the CA are right',
  timeout: 'check that the address is right and that the vault is not overloaded',
  redirect: 'the address answers with a redirect, which is never followed: name the active node itself',
  foreign: 'what answers at the address is no Vault or OpenBao: check host, port and scheme',
}

export function unavailable(cause: VaultFailure | VaultAnswer): SallyportError {
  if (!(cause instanceof VaultFailure)) {
    return new SallyportError(
      'secrets_unavailable',
      { field: 'vault.address', remedy: 'the vault answers with errors: look at its own log' },
      new VaultRefusal(cause.status),
    )
  }
  return new SallyportError(
    'secrets_unavailable',
    { field: 'vault.address', remedy: failureRemedies[cause.kind] },
    cause,
  )
}

export const sealed = (): SallyportError =>
  new SallyportError('secrets_sealed', { field: 'vault.address', remedy: 'unseal the vault' })

export const denied = (role: Role): SallyportError =>
  new SallyportError('secrets_denied', {
    field: `vault.login (${role})`,
    remedy: `the ${role} login may not do this: ${setup}, or give it the ${role} policy`,
  })

export function loginRefused(role: Role, kind: 'token' | 'approle', status: number): SallyportError {
  const remedy =
    kind === 'approle'
      ? `the vault refused the role id or secret id of the ${role} login: make a new secret id, and check the mount of the auth method`
      : `the vault no longer accepts the token of the ${role} login: give it a new one`
  return new SallyportError(
    'secrets_denied',
    { field: `vault.login (${role})`, remedy },
    new VaultRefusal(status),
  )
}

/** A mount or key that has to be there is not. */
export const missing = (field: string, what: string): SallyportError =>
  new SallyportError('config_invalid', { field, remedy: `${what}: ${setup}` } satisfies ErrorFacts)

export const isSealed = (answer: VaultAnswer): boolean =>
  answer.status === 503 && answer.errors.some((text) => /sealed/i.test(text))

export const says = (answer: VaultAnswer, pattern: RegExp): boolean =>
  answer.errors.some((text) => pattern.test(text))
