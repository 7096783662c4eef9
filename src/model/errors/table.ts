/**
 * Every failure and refusal, one row each: the HTTP status, the OAuth error where the token endpoint or a
 * bearer challenge says it (RFC 6749 §5.2, RFC 6750 §3.1, RFC 8693 §2.2.2), one fixed public sentence, who has
 * to act, and what to do next. No text of a cause or an input is ever part of a sentence.
 */
export interface Row {
  readonly status: number
  readonly oauth?: string
  readonly sentence: string
  readonly blame: 'caller' | 'operator' | 'provider' | 'sallyport'
  readonly next: 'login' | 'connect' | 'approve' | 'retry' | 'configure' | 'none'
}

const row = (
  status: number,
  blame: Row['blame'],
  next: Row['next'],
  sentence: string,
  oauth?: string,
): Row => ({ status, blame, next, sentence, ...(oauth === undefined ? {} : { oauth }) })

export const errorTable = {
  // The caller's own token (401 is for nothing else).
  token_missing: row(401, 'caller', 'login', 'The request carries no bearer token.'),
  token_malformed: row(401, 'caller', 'login', 'The token is not a well-formed JWT.', 'invalid_token'),
  token_ambiguous: row(400, 'caller', 'none', 'The request carries more than one credential, or one in a place where none is read.', 'invalid_request'),
  token_type_refused: row(401, 'caller', 'login', 'The token is not an access token (RFC 9068 §2.1).', 'invalid_token'),
  token_algorithm_refused: row(401, 'caller', 'login', 'The token is signed with an algorithm that is not allowed.', 'invalid_token'),
  token_signature_invalid: row(401, 'caller', 'login', 'The signature of the token does not verify.', 'invalid_token'),
  token_issuer_unknown: row(401, 'caller', 'login', 'The issuer of the token is not a configured one.', 'invalid_token'),
  token_audience_refused: row(401, 'caller', 'configure', 'The token is not for this server: its audience does not name it. At Keycloak, add an Audience mapper to the client.', 'invalid_token'),
  token_audience_extra: row(401, 'caller', 'configure', 'The token names a further audience that this server does not list in extra_audiences.', 'invalid_token'),
  token_expired: row(401, 'caller', 'login', 'The token has expired.', 'invalid_token'),
  token_not_yet_valid: row(401, 'caller', 'login', 'The token is not valid yet.', 'invalid_token'),
  token_claims_invalid: row(401, 'caller', 'login', 'The token lacks a required claim, or a claim has the wrong form.', 'invalid_token'),
  token_tenant_refused: row(401, 'caller', 'none', 'The token belongs to another tenant.', 'invalid_token'),
  token_delegation_refused: row(401, 'caller', 'none', 'The token carries a delegation (act or may_act) that does not hold for this caller.', 'invalid_token'),
  token_binding_refused: row(401, 'caller', 'login', 'The token is bound to a key (cnf), and a bound token is not taken as a bearer token.', 'invalid_token'),
  token_principal_refused: row(401, 'caller', 'configure', 'The token is of a workload that is not configured as one.', 'invalid_token'),
  token_revoked: row(401, 'caller', 'login', 'The token has been revoked.', 'invalid_token'),
  token_is_session: row(400, 'caller', 'none', 'A session token is no subject token.', 'invalid_request'),
  sign_in_too_old: row(401, 'caller', 'login', 'Access was revoked after this sign-in. A newer sign-in is needed.', 'invalid_token'),
  client_auth_failed: row(401, 'caller', 'configure', 'The caller is not authenticated: neither a valid capability nor client authentication.', 'invalid_client'),
  admin_auth_failed: row(401, 'caller', 'configure', 'The administrative capability is missing or wrong.'),
  // The request itself.
  request_malformed: row(400, 'caller', 'none', 'The request is malformed.', 'invalid_request'),
  host_refused: row(421, 'caller', 'configure', 'The Host header does not name this listener.'),
  origin_refused: row(403, 'caller', 'configure', 'Browser origins are not served here.'),
  path_ambiguous: row(400, 'caller', 'none', 'The path can be read in more than one way.'),
  method_refused: row(405, 'caller', 'none', 'The method is not served.'),
  not_found: row(404, 'caller', 'none', 'There is nothing here.'),
  body_too_large: row(413, 'caller', 'none', 'The body is larger than allowed.'),
  grant_type_unsupported: row(400, 'caller', 'none', 'The grant type is not served.', 'unsupported_grant_type'),
  target_refused: row(400, 'caller', 'configure', 'An audience or resource that was asked for is not one of this server.', 'invalid_target'),
  scope_refused: row(400, 'caller', 'configure', 'A scope that was asked for is not granted by the subject token and the policy.', 'invalid_scope'),
  subject_token_type_refused: row(400, 'caller', 'none', 'The subject token type is not served.', 'invalid_request'),
  // Decisions.
  allowed: row(200, 'sallyport', 'none', 'Allowed.'),
  not_allowed: row(403, 'operator', 'configure', 'No allow rule of this server names the principal.', 'access_denied'),
  denied_by_rule: row(403, 'operator', 'none', 'A deny rule of this server names the principal.', 'access_denied'),
  groups_incomplete: row(403, 'operator', 'configure', 'A deny rule cannot be ruled out because the list of groups is incomplete.', 'access_denied'),
  server_unknown: row(403, 'operator', 'configure', 'The server is not configured.', 'access_denied'),
  downstream_unknown: row(404, 'operator', 'configure', 'The downstream is not configured.'),
  downstream_not_granted: row(403, 'caller', 'none', 'The session token does not name this downstream.', 'insufficient_scope'),
  operation_unknown: row(403, 'operator', 'configure', 'No configured operation of the downstream matches the method and path.'),
  class_never: row(403, 'operator', 'configure', 'The operation or tool is of class never.'),
  class_exceeded: row(403, 'operator', 'configure', 'The operation is of a class that the tool does not have.'),
  class_sensitive_unavailable: row(403, 'operator', 'none', 'Class read-sensitive needs response redaction, which this version does not have.'),
  critical_needs_call: row(403, 'operator', 'none', 'A critical operation is only done within a tool call.'),
  direct_not_listed: row(403, 'operator', 'configure', 'The server may not do this without a tool call: it is not listed under direct.'),
  tool_unknown: row(403, 'operator', 'configure', 'The tool is not configured.'),
  tool_does_not_use: row(403, 'operator', 'configure', 'The tool does not use this operation.'),
  tool_confirm_unavailable: row(403, 'operator', 'approve', 'The tool asks for confirmation, which this version cannot obtain.'),
  tool_approval_unavailable: row(403, 'operator', 'approve', 'The tool asks for approval, which this version cannot obtain.'),
  may_act_refused: row(403, 'caller', 'none', 'The subject token does not let this caller act.', 'access_denied'),
  // Revocation.
  cut: row(401, 'caller', 'login', 'Access has been revoked.', 'invalid_token'),
  held: row(403, 'operator', 'none', 'Access is on hold until it is released.', 'access_denied'),
  switched_off: row(403, 'operator', 'none', 'This has been switched off.', 'access_denied'),
  lease_lapsed: row(503, 'sallyport', 'retry', 'This process may not serve now.', 'temporarily_unavailable'),
  // Credentials.
  connect_required: row(424, 'caller', 'connect', 'The principal has no usable connection to the downstream.'),
  reauth_required: row(424, 'caller', 'connect', 'The connection no longer works at the provider and has to be made again.'),
  interaction_required: row(424, 'provider', 'login', 'The provider asks for interaction with the principal.', 'interaction_required'),
  subject_expired: row(401, 'caller', 'login', 'The sign-in that this session stands on has expired.', 'invalid_token'),
  exchange_subject_refused: row(401, 'provider', 'login', 'The provider refused the subject token.', 'invalid_token'),
  exchange_target_refused: row(403, 'provider', 'configure', 'The provider refused the audience, resource or scope.'),
  exchange_misconfigured: row(502, 'operator', 'configure', 'The provider refused this client or its configuration.'),
  exchange_unavailable: row(502, 'provider', 'retry', 'The provider did not answer usefully.'),
  exchange_response_refused: row(502, 'provider', 'configure', 'The provider returned a token of another subject, audience, type or scope than was asked for.'),
  exchange_unsupported_principal: row(403, 'operator', 'configure', 'This kind of credential does not serve this kind of principal.'),
  credential_refused: row(502, 'provider', 'configure', 'The downstream refused the credential twice.'),
  credential_origin_mismatch: row(500, 'sallyport', 'none', 'A credential was about to be sent to another origin than its own.'),
  // Downstream.
  downstream_unreachable: row(502, 'provider', 'retry', 'The downstream could not be reached.'),
  downstream_failed: row(502, 'provider', 'retry', 'The downstream broke off.'),
  downstream_timeout: row(504, 'provider', 'retry', 'The downstream did not answer in time.'),
  address_refused: row(502, 'operator', 'configure', 'The resolved address is not one that may be dialled.'),
  // Our own parts.
  record_unavailable: row(503, 'sallyport', 'retry', 'The record cannot be written, so nothing is done.', 'temporarily_unavailable'),
  secrets_unavailable: row(503, 'operator', 'retry', 'The secret store does not answer.', 'temporarily_unavailable'),
  secrets_sealed: row(503, 'operator', 'retry', 'The secret store is sealed.', 'temporarily_unavailable'),
  secrets_denied: row(503, 'operator', 'configure', 'The secret store refused this login.', 'temporarily_unavailable'),
  secrets_conflict: row(503, 'sallyport', 'retry', 'The stored grant was changed by somebody else.', 'temporarily_unavailable'),
  secrets_destroyed: row(424, 'caller', 'connect', 'The stored grant has been destroyed.'),
  secrets_corrupt: row(500, 'operator', 'none', 'A stored grant does not decrypt.'),
  state_unavailable: row(503, 'sallyport', 'retry', 'The state cannot be read or written.', 'temporarily_unavailable'),
  state_locked: row(503, 'operator', 'configure', 'Another instance works on this data folder.'),
  idp_unavailable: row(503, 'provider', 'retry', 'The identity provider does not answer.', 'temporarily_unavailable'),
  shutting_down: row(503, 'sallyport', 'retry', 'This process is shutting down.', 'temporarily_unavailable'),
  idp_metadata_refused: row(503, 'operator', 'configure', 'The metadata or the keys of the identity provider are not usable.', 'temporarily_unavailable'),
  config_invalid: row(500, 'operator', 'configure', 'The configuration is not valid.'),
  internal: row(500, 'sallyport', 'none', 'Something went wrong inside sallyport.', 'server_error'),
} as const satisfies Record<string, Row>
