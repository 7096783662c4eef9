import { compactVerify } from 'jose'
import { type Principal, type PrincipalKind, SallyportError } from '../model/index.ts'
import { claimAt, type Groups, readGroups } from './claims.ts'
import type { Claims, CompactJws } from './compact.ts'
import type { VerifiedSubject } from './identity.ts'
import type { Issuer } from './issuers.ts'
import { readWorkflow } from './login-claims.ts'

/** What holds of every token that a configured issuer signs, whatever it is for. */

/** @throws token_algorithm_refused, token_signature_invalid, idp_unavailable, idp_metadata_refused */
export async function verifySignature(
  token: string,
  { header }: CompactJws,
  { algorithms, keys }: Pick<Issuer, 'algorithms' | 'keys'>,
): Promise<void> {
  const { alg } = header
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    throw new SallyportError('token_algorithm_refused')
  }
  const key = await keys.keyFor(header)
  try {
    await compactVerify(token, key, { algorithms: [...algorithms] })
  } catch (error) {
    throw new SallyportError('token_signature_invalid', {}, error)
  }
}

/** A workload without the claim has no groups, and that is the whole list. */
export function groupsOf(payload: Claims, kind: PrincipalKind, { login }: Issuer): Groups {
  const claim = login?.groupsClaim
  const present = claim !== undefined && claimAt(payload, claim) !== undefined
  if (kind === 'workload' && !present) return { groups: [], groupsComplete: true }
  return claim === undefined ? { groups: [], groupsComplete: false } : readGroups(payload, claim)
}

/** Each kind has a claim of its own. @throws token_claims_invalid */
export function workflowOf(
  payload: Claims,
  { kind, subject }: Principal,
  { login, workloads }: Issuer,
): Pick<VerifiedSubject, 'workflow'> {
  const rule = kind === 'user' ? login : workloads.find((it) => it.matches(subject))
  return readWorkflow(payload, rule?.workflowClaim)
}
