import { SallyportError } from '../model/index.ts'
import { claimAt, type Groups, isName, readGroups } from './claims.ts'
import type { Claims } from './compact.ts'
import type { LoginIssuer } from './identity.ts'

/** How a person's claims are read. */
export type LoginClaims = Pick<LoginIssuer, 'groupsClaim' | 'tenantClaim' | 'workflowClaim'>

/** What a login issuer says of a person besides who that is. */
export interface PersonClaims extends Groups {
  readonly workflow?: string
}

/**
 * Groups and workflow of a person, from a token that has been verified. The tenant comes from configuration; the claim
 * may only refuse those of others. @throws token_tenant_refused, token_claims_invalid
 */
export function readPerson(payload: Claims, login: LoginClaims): PersonClaims {
  checkTenant(payload, login)
  return { ...readGroups(payload, login.groupsClaim), ...readWorkflow(payload, login.workflowClaim) }
}

/** @throws token_tenant_refused */
export function checkTenant(payload: Claims, { tenantClaim }: LoginClaims): void {
  if (tenantClaim !== undefined && claimAt(payload, tenantClaim.name) !== tenantClaim.value) {
    throw new SallyportError('token_tenant_refused')
  }
}

/** Only from the claim that is configured for it. @throws token_claims_invalid */
export function readWorkflow(payload: Claims, claim: string | undefined): { readonly workflow?: string } {
  const workflow = claim === undefined ? undefined : claimAt(payload, claim)
  if (workflow === undefined) return {}
  if (!isName(workflow)) throw new SallyportError('token_claims_invalid')
  return { workflow }
}
