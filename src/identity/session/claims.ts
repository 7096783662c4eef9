import { createHash } from 'node:crypto'
import type { Access, RiskClass } from '../../model/index.ts'
import type { Claims } from '../compact.ts'
import { actClaim } from '../delegation.ts'

/** Version of the `sp` claim. */
export const claimsVersion = 1

export interface ClaimOptions {
  readonly issuer: string
  readonly environment: string
  /** With several login issuers a bare `sub` would name two people (design §4). */
  readonly severalLogins: boolean
}

/** What a call token says of its call besides, for servers that verify it (design §4). */
export interface CallClaims {
  readonly class?: RiskClass
  /** HMAC under a key of the tenant over the parameters as RFC 8785 JSON. */
  readonly args_digest?: string
}

/** The claims of a session token: RFC 9068 §2.2, `act` of RFC 8693 §4.1, and one object claim of our own. */
export function sessionClaims(
  access: Access,
  issuedAt: number,
  options: ClaimOptions,
  told: CallClaims = {},
): Claims {
  const { session, actor } = access
  const { principal } = session
  return {
    iss: options.issuer,
    aud: access.audiences,
    sub: options.severalLogins ? pairwise(principal.issuer, principal.subject) : principal.subject,
    client_id: session.client,
    ...(actor === undefined ? {} : { act: actClaim(actor) }),
    sid: session.sid,
    jti: access.jti,
    scope: access.scopes.join(' '),
    iat: issuedAt,
    exp: access.expiresAt,
    sp: {
      v: claimsVersion,
      kind: principal.kind,
      auth_time: session.authTime,
      tenant: principal.tenant,
      idp: principal.issuer,
      server: session.server,
      environment: options.environment,
      ...(session.workflow === undefined ? {} : { workflow: session.workflow }),
      rev: access.rev,
      ...(access.call === undefined ? {} : { call: access.call.id, tool: access.call.tool }),
      ...told,
    },
  }
}

function pairwise(issuer: string, subject: string): string {
  return createHash('sha256').update(`${issuer}\0${subject}`).digest('base64url')
}
