/**
 * Everything that `sallyport doctor` can find, one row each. Words in braces are filled in from the configuration.
 * A row that says `wrong` names the one setting that mends it, in the words of the place where it is set.
 */
export interface Row {
  readonly verdict: 'ok' | 'note' | 'untried' | 'wrong'
  readonly says: string
  readonly setting?: string
  /** Below docs/, with an anchor. */
  readonly page: string
}

const ok = (page: string, says: string): Row => ({ verdict: 'ok', says, page })
const note = (page: string, says: string, setting?: string): Row => ({
  verdict: 'note',
  says,
  page,
  ...(setting === undefined ? {} : { setting }),
})
const untried = (page: string, says: string, setting: string): Row => ({
  verdict: 'untried',
  says,
  setting,
  page,
})
const wrong = (page: string, says: string, setting: string): Row => ({
  verdict: 'wrong',
  says,
  setting,
  page,
})

const here = 'doctor.md#this-machine'
const net = 'doctor.md#connections'
const meta = 'doctor.md#the-idps-metadata'
const answer = 'doctor.md#what-an-exchange-answers'
const other = 'doctor.md#another-idp'
const proxy = 'proxies.md#what-must-be-kept'
const route = 'proxies.md#which-paths-go-where'
const vault = 'openbao.md#set-up-a-server'
const logins = 'openbao.md#three-logins'
const call = 'credentials.md'
const keycloakLogin = 'idps/keycloak.md#the-login-client'
const keycloakExchange = 'idps/keycloak.md#the-exchange'
const entraLogin = 'idps/entra.md#the-login-client'
const entraExchange = 'idps/entra.md#the-exchange'
const oktaLogin = 'idps/okta.md#the-login-client'
const oktaExchange = 'idps/okta.md#the-exchange'
const auth0Login = 'idps/auth0.md#the-login-client'
const auth0Exchange = 'idps/auth0.md#the-exchange'

export const catalogue = {
  // This machine.
  config_loads: ok(here, 'The configuration loads ({form}), policy {version}.'),
  config_invalid: wrong(here, '{problem}', '{place}'),
  config_warning: note(here, '{problem}', '{place}'),
  instance_running: ok(here, 'An instance runs on this data folder, with this policy.'),
  instance_other_policy: note(
    here,
    'An instance runs on this data folder with another policy, {running}: this configuration is not in force there.',
    'a restart of the instance',
  ),
  instance_absent: note(here, 'No instance runs on this data folder.'),
  addresses_free: ok(here, 'Every listen address can be had.'),
  address_taken: wrong(here, 'Another program listens at {address}.', 'listen.{face}'),
  address_not_here: wrong(here, '{address} is no address that this machine may listen at.', 'listen.{face}'),
  data_unwritable: wrong(here, 'The data folder {folder} cannot be written by this user.', 'data'),
  clock_agrees: ok(here, 'The clocks of this machine and of the IdP agree within {seconds} s.'),
  clock_apart: wrong(
    here,
    'This machine’s clock is {seconds} s {direction} that of the IdP; {skew} s are allowed.',
    'the clock of this machine (NTP)',
  ),
  step_skipped: untried(
    'doctor.md',
    'Not looked at: {step}, which needs {needed} to be right first.',
    'what is wrong with {needed}',
  ),
  step_out_of_time: untried('doctor.md', 'Not looked at to the end: {step}, in {seconds} s.', '--seconds'),

  step_failed: untried('doctor.md', 'Not looked at to the end: {step} ({error}).', 'what is between'),

  // Connections, to whatever it is.
  name_unknown: wrong(net, '{what}: the name {host} does not resolve.', '{field}'),
  address_refused: wrong(
    net,
    '{what}: {host} resolves to an address that is never dialled unless it is allowed.',
    'network.allow',
  ),
  port_closed: wrong(net, '{what}: {host} refuses connections at port {port}.', '{field}'),
  no_connection: wrong(
    net,
    '{what}: no connection to {host} at port {port} within {seconds} s.',
    'the firewall, network policy or route between this machine and {host}',
  ),
  tls_untrusted: wrong(
    net,
    '{what}: the certificate of {host} is not signed by anybody whom this machine trusts.',
    '{trust}',
  ),
  tls_expired: wrong(net, '{what}: the certificate of {host} has expired.', 'the certificate of {host}'),
  tls_other_name: wrong(net, '{what}: the certificate is not for {host}.', '{field}'),
  tls_absent: wrong(net, '{what}: what listens at port {port} of {host} does not speak TLS.', '{field}'),
  broken_off: wrong(net, '{what}: {host} breaks the connection off.', '{field}'),

  // Metadata of an issuer.
  metadata_read: ok(meta, '{field}: metadata found ({idp}), and the issuer is the same byte for byte.'),
  metadata_absent: wrong(
    meta,
    '{field}: there is no metadata of an issuer at that place (status {status}).',
    '{field}',
  ),
  metadata_unreadable: wrong(
    meta,
    '{field}: what answers there is no metadata of an issuer but something else.',
    '{field}',
  ),
  metadata_failing: wrong(meta, '{field}: the IdP answers with status {status}.', 'the IdP itself'),
  issuer_differs: wrong(
    meta,
    '{field}: the metadata names another issuer: {difference}. Tokens name that one.',
    '{field}',
  ),
  endpoint_absent: wrong(meta, '{field}: the metadata names no {endpoint}.', '{field}'),
  s256_absent: wrong(
    meta,
    '{field}: the metadata lists PKCE methods and S256 is not among them.',
    'PKCE with S256 at the IdP',
  ),
  s256_unannounced: ok(
    meta,
    '{field}: the metadata does not speak of PKCE, as always at {idp}; it is used all the same.',
  ),
  s256_unknown: note(meta, '{field}: the metadata does not speak of PKCE; it is used all the same.'),
  offline_access_absent: note(
    meta,
    '{field}: offline_access is not among the scopes of the metadata. Without refresh tokens people sign in again as often as the IdP’s access tokens end.',
    'the scope offline_access at the IdP',
  ),
  client_authentication_unlisted: wrong(
    meta,
    '{field}: the metadata does not list {method}, by which sallyport shows that it is the client.',
    '{client}',
  ),

  // The client of ours, at any IdP.
  client_taken: ok('doctor.md#the-client', '{field}: the IdP takes {client} and its secret or key.'),
  client_untried: untried(
    'doctor.md#the-client',
    '{field}: the answer of the IdP does not tell whether it takes {client}.',
    'a sign-in, to see it',
  ),
  redirect_taken: ok('doctor.md#the-client', '{field}: {redirect} is registered.'),
  redirect_untried: untried(
    'doctor.md#the-client',
    '{field}: the answer of the IdP does not tell whether {redirect} is registered.',
    'a sign-in, to see it',
  ),
  redirect_needed: note(
    'doctor.md#the-client',
    'To be registered as redirect URI at {where}, exactly so: {redirect}',
  ),

  // Keycloak.
  keycloak_client_unknown: wrong(keycloakLogin, '{field}: the realm has no client {client}.', '{field}.id'),
  keycloak_client_disabled: wrong(
    keycloakLogin,
    '{field}: the client {client} is switched off.',
    'Keycloak: Clients › {client} › Enabled',
  ),
  keycloak_client_public: wrong(
    keycloakLogin,
    '{field}: the client {client} is public, so nobody asks for its secret, and it may not exchange.',
    'Keycloak: Clients › {client} › Settings › Capability config › Client authentication',
  ),
  keycloak_secret_wrong: wrong(
    keycloakLogin,
    '{field}: Keycloak does not take the secret of {client}. It is under Clients › {client} › Credentials.',
    '{field}.secret',
  ),
  keycloak_authenticator_other: wrong(
    keycloakLogin,
    '{field}: Keycloak wants {client} to authenticate in another way than by its secret.',
    'Keycloak: Clients › {client} › Credentials › Client Authenticator',
  ),
  keycloak_standard_flow_off: wrong(
    keycloakLogin,
    '{field}: people cannot be sent to the sign-in of {client}.',
    'Keycloak: Clients › {client} › Settings › Capability config › Standard flow',
  ),
  keycloak_redirect_unregistered: wrong(
    keycloakLogin,
    '{field}: {redirect} is not among the redirect URIs of {client}.',
    'Keycloak: Clients › {client} › Settings › Access settings › Valid redirect URIs',
  ),
  keycloak_offline_access_unassigned: wrong(
    keycloakLogin,
    '{field}: {client} may not ask for offline_access, so no sign-in outlives Keycloak’s access token.',
    'Keycloak: Clients › {client} › Client scopes › Add client scope › offline_access (Optional)',
  ),
  keycloak_login_scope_unassigned: wrong(
    keycloakLogin,
    '{field}: {client} may not ask for the scopes of a sign-in, {scope}.',
    'Keycloak: Clients › {client} › Client scopes › Add client scope',
  ),
  keycloak_pkce_other: wrong(
    keycloakLogin,
    '{field}: {client} is set to a PKCE method other than S256.',
    'Keycloak: Clients › {client} › Settings › Capability config › PKCE Method',
  ),
  keycloak_exchange_off: wrong(
    keycloakExchange,
    'Downstream {downstream}: {client} may not exchange tokens.',
    'Keycloak: Clients › {client} › Settings › Capability config › Standard Token Exchange',
  ),
  keycloak_exchange_refresh_off: wrong(
    keycloakExchange,
    'Downstream {downstream}: {client} gets no refresh token by exchange, which refresh: true asks for.',
    'Keycloak: Clients › {client} › Advanced › OpenID Connect Compatibility Modes › Allow refresh token in Standard Token Exchange › Same session',
  ),
  keycloak_audience_unknown: wrong(
    keycloakExchange,
    'Downstream {downstream}: the realm has no client {audience}, and an audience is a client here.',
    'downstreams.{downstream}.{kind}.audience',
  ),
  keycloak_audience_unmapped: wrong(
    keycloakExchange,
    'Downstream {downstream}: tokens of {client} cannot name {audience}.',
    'Keycloak: Clients › {client} › Client scopes › {client}-dedicated › Add mapper › By configuration › Audience › Included Client Audience: {audience}',
  ),
  keycloak_scope_unassigned: wrong(
    keycloakExchange,
    'Downstream {downstream}: {client} may not ask for {scope}, or for one of these scopes.',
    'Keycloak: Clients › {client} › Client scopes › Add client scope › {scope} (Optional)',
  ),
  keycloak_service_accounts_off: wrong(
    keycloakExchange,
    'Downstream {downstream}: {client} gets no token of its own.',
    'Keycloak: Clients › {client} › Settings › Capability config › Service account roles',
  ),
  keycloak_subject_audience: wrong(
    keycloakExchange,
    'Downstream {downstream}: the token of --subject does not name {client} in aud, so {client} may not exchange it.',
    'Keycloak: Clients › the client of the MCP client › Client scopes › dedicated › Add mapper › By configuration › Audience › Included Client Audience: {client}',
  ),
  keycloak_no_canary: untried(
    keycloakExchange,
    'Downstream {downstream}: the exchange switch is on; audience and scopes were not tried, since {client} has no token of its own to try with.',
    '--subject file:…, with an access token of a person (or Service account roles of {client})',
  ),

  // Microsoft Entra.
  entra_tenant_unknown: wrong(
    entraLogin,
    '{field}: Entra has no such tenant (AADSTS90002).',
    '{issuerField}',
  ),
  entra_app_unknown: wrong(
    entraLogin,
    '{field}: the tenant has no application {client} (AADSTS700016).',
    '{field}.id',
  ),
  entra_secret_wrong: wrong(
    entraLogin,
    '{field}: Entra does not take the secret of {client} (AADSTS7000215). It is the Value of the secret, not its Secret ID.',
    '{field}.secret',
  ),
  entra_secret_expired: wrong(
    entraLogin,
    '{field}: the secret of {client} has expired (AADSTS7000222).',
    'Entra: App registrations › {client} › Certificates & secrets › New client secret',
  ),
  entra_key_unknown: wrong(
    entraLogin,
    '{field}: Entra does not know the key of {client} (AADSTS700027).',
    'Entra: App registrations › {client} › Certificates & secrets › Certificates',
  ),
  entra_redirect_unregistered: wrong(
    entraLogin,
    '{field}: {redirect} is not among the redirect URIs of {client} (AADSTS50011).',
    'Entra: App registrations › {client} › Authentication › Web › Redirect URIs',
  ),
  entra_token_version: wrong(
    entraLogin,
    '{field}: tokens for {client} are of version 1 and name another issuer than the configuration does.',
    'Entra: App registrations › {client} › Manifest › api › requestedAccessTokenVersion: 2 (accessTokenAcceptedVersion in the older manifest)',
  ),
  entra_scope_unexposed: wrong(
    entraLogin,
    '{field}: Entra does not know a scope that is asked for, {scope}.',
    'Entra: App registrations › {client} › Expose an API › Add a scope',
  ),
  entra_grant_unsupported: wrong(
    entraExchange,
    'Downstream {downstream}: Entra has no token exchange of RFC 8693 (AADSTS70003).',
    'downstreams.{downstream}.exchange.flavour: entra-obo',
  ),
  entra_consent_missing: wrong(
    entraExchange,
    'Downstream {downstream}: nobody has agreed that {client} may use this API (AADSTS65001).',
    'Entra: App registrations › {client} › API permissions › Grant admin consent (people can agree themselves where the API lists {client} under knownClientApplications)',
  ),
  entra_assertion_audience: wrong(
    entraExchange,
    'Downstream {downstream}: the person’s token is not for {client} (AADSTS500131).',
    'Entra: App registrations › {client} › Expose an API › a scope, and that scope in login.scope',
  ),
  entra_assertion_refused: wrong(
    entraExchange,
    'Downstream {downstream}: Entra does not take the person’s token (AADSTS50013): of another tenant, for another API, or at its end.',
    '--subject: a fresh access token for {client}',
  ),
  entra_resource_unknown: wrong(
    entraExchange,
    'Downstream {downstream}: the tenant has no API of that name (AADSTS500011).',
    'downstreams.{downstream}.{kind}.scope',
  ),
  entra_scope_invalid: wrong(
    entraExchange,
    'Downstream {downstream}: Entra does not take the scope {scope}.',
    'downstreams.{downstream}.{kind}.scope',
  ),
  entra_interaction: note(
    entraExchange,
    'Downstream {downstream}: this person has to do something at Entra first (multi-factor, conditional access); the configuration is right.',
  ),

  // Okta.
  okta_client_unknown: wrong(oktaLogin, '{field}: Okta has no application {client}.', '{field}.id'),
  okta_secret_wrong: wrong(
    oktaLogin,
    '{field}: Okta does not take the secret of {client}.',
    '{field}.secret',
  ),
  okta_redirect_unregistered: wrong(
    oktaLogin,
    '{field}: {redirect} is not among the redirect URIs of {client}.',
    'Okta: Applications › {client} › General › Login › Sign-in redirect URIs',
  ),
  okta_refresh_grant_off: wrong(
    oktaLogin,
    '{field}: {client} may not ask for offline_access.',
    'Okta: Applications › {client} › General › Grant type › Refresh Token',
  ),
  okta_org_server: wrong(
    oktaExchange,
    'Downstream {downstream}: the org authorization server exchanges no tokens and has one audience.',
    'downstreams.{downstream}.{kind}.issuer, with a custom authorization server (https://…/oauth2/…)',
  ),
  okta_exchange_grant_off: wrong(
    oktaExchange,
    'Downstream {downstream}: {client} may not exchange tokens.',
    'Okta: Applications › {client} › General › Grant type › Token Exchange',
  ),
  okta_credentials_grant_off: wrong(
    oktaExchange,
    'Downstream {downstream}: {client} gets no token of its own.',
    'Okta: Applications › {client} › General › Grant type › Client Credentials',
  ),
  okta_policy: wrong(
    oktaExchange,
    'Downstream {downstream}: no rule of the authorization server allows {client} these scopes with this grant.',
    'Okta: Security › API › the authorization server › Access Policies › a rule for {client}, Token Exchange and {scope}',
  ),
  okta_scope_unknown: wrong(
    oktaExchange,
    'Downstream {downstream}: the authorization server has no scope {scope}, or not one of these.',
    'Okta: Security › API › the authorization server › Scopes › Add Scope',
  ),
  okta_server_untrusted: wrong(
    oktaExchange,
    'Downstream {downstream}: the person’s token is of another authorization server, which this one does not trust.',
    'Okta: Security › API › the authorization server of {downstream} › Trusted servers › Add Server',
  ),
  okta_audience_fixed: wrong(
    oktaExchange,
    'Downstream {downstream}: the token names another audience than {audience}. At Okta each authorization server has one, whatever is asked for.',
    'downstreams.{downstream}.{kind}.audience, as under Security › API › the authorization server › Audience',
  ),
  okta_no_refresh: wrong(
    oktaExchange,
    'Downstream {downstream}: Okta gives no refresh token by exchange.',
    'downstreams.{downstream}.exchange.refresh',
  ),

  // Auth0.
  auth0_client_refused: wrong(
    auth0Login,
    '{field}: Auth0 does not take {client} with this secret.',
    '{field}.secret',
  ),
  auth0_client_unknown: wrong(auth0Login, '{field}: Auth0 has no application {client}.', '{field}.id'),
  auth0_callback_unregistered: wrong(
    auth0Login,
    '{field}: {redirect} is not among the callback URLs of {client}.',
    'Auth0: Applications › {client} › Settings › Allowed Callback URLs',
  ),
  auth0_grant_off: wrong(
    auth0Exchange,
    'Downstream {downstream}: {client} may not use this grant.',
    'Auth0: Applications › {client} › Settings › Advanced Settings › Grant Types',
  ),
  auth0_api_unknown: wrong(
    auth0Exchange,
    'Downstream {downstream}: the tenant has no API with the identifier {audience}.',
    'downstreams.{downstream}.{kind}.audience',
  ),
  auth0_api_unauthorized: wrong(
    auth0Exchange,
    'Downstream {downstream}: {client} is not authorized for the API {audience}.',
    'Auth0: Applications › APIs › {audience} › Machine to Machine Applications › {client}',
  ),

  // Any other IdP, and what is the same at all of them.
  client_refused: wrong(
    other,
    '{field}: the IdP does not take {client} with this secret or key (invalid_client).',
    '{field}.secret',
  ),
  redirect_unregistered: wrong(
    other,
    '{field}: the IdP does not send {client} back to {redirect}.',
    'the redirect URIs of {client} at the IdP',
  ),
  login_scope_refused: wrong(
    other,
    '{field}: the IdP refuses the scopes of a sign-in, {scope} (invalid_scope).',
    'login.scope',
  ),
  login_refused: wrong(
    other,
    '{field}: the IdP refuses to sign anybody in for {client} ({error}).',
    'the client {client} at the IdP',
  ),
  grant_refused: wrong(
    other,
    'Downstream {downstream}: the IdP does not let {client} use this grant ({error}).',
    'the grant types of {client} at the IdP',
  ),
  target_refused: wrong(
    other,
    'Downstream {downstream}: the IdP gives {client} no token for {audience} ({error}).',
    'downstreams.{downstream}.{kind}.audience',
  ),
  scope_refused: wrong(
    other,
    'Downstream {downstream}: the IdP refuses {scope} (invalid_scope).',
    'downstreams.{downstream}.{kind}.scope',
  ),
  subject_refused: wrong(
    other,
    'Downstream {downstream}: the IdP does not take the token of --subject ({error}).',
    '--subject: a fresh access token that names {client} in aud',
  ),
  exchange_refused: wrong(
    other,
    'Downstream {downstream}: the IdP refuses ({error}, status {status}).',
    'what the IdP’s own log says of {client}',
  ),
  exchange_failed: wrong(
    other,
    'Downstream {downstream}: the token endpoint did not give an answer that could be read.',
    'downstreams.{downstream}.{kind}.issuer',
  ),
  exchange_without_person: untried(
    other,
    'Downstream {downstream}: the IdP takes the client and the grant; the exchange itself needs a person.',
    '--subject file:…, with an access token of a person',
  ),
  exchange_works: ok(
    answer,
    'Downstream {downstream}: a token was exchanged, with audience and scopes as configured.',
  ),
  exchange_refresh_untried: untried(
    keycloakExchange,
    'Downstream {downstream}: a token was exchanged. The refresh token was not tried: it needs a person’s session.',
    '--subject file:…, with an access token of a person',
  ),
  credentials_work: ok(
    answer,
    'Downstream {downstream}: a token was obtained, with audience and scopes as configured.',
  ),
  answer_audience: wrong(
    answer,
    'Downstream {downstream}: the token that comes does not name {audience}, or names others besides.',
    'downstreams.{downstream}.{kind}.audience (or extra_audiences, for those besides)',
  ),
  answer_scope: wrong(
    answer,
    'Downstream {downstream}: the token that comes may do more than {scope}.',
    'downstreams.{downstream}.{kind}.scope',
  ),
  answer_other: wrong(
    answer,
    'Downstream {downstream}: the token that comes would not be used, for its {member}.',
    'the answer of the IdP for {client}',
  ),

  // GitHub Apps.
  github_app_refused: wrong(
    call,
    'Downstream {downstream}: GitHub does not take the app {app} with this key.',
    'downstreams.{downstream}.github-app.key (or app)',
  ),
  github_installation_unknown: wrong(
    call,
    'Downstream {downstream}: the app {app} has no installation {installation}.',
    'downstreams.{downstream}.github-app.installation',
  ),
  github_grant_missing: wrong(
    call,
    'Downstream {downstream}: the installation {installation} has not all the repositories or permissions that are configured (status {status}).',
    'GitHub: the installation {installation} › Repository access and Permissions',
  ),
  github_unreachable: wrong(
    call,
    'Downstream {downstream}: GitHub did not give an answer that could be used.',
    'downstreams.{downstream}.github-app',
  ),

  // Credentials that need no IdP, and downstreams.
  static_present: ok(call, 'Downstream {downstream}: the fixed secret is there.'),
  static_per_user: note(call, 'Downstream {downstream}: each person puts in a secret of his own.'),
  server_reached: ok(net, 'Server {server}: connected.'),
  account_per_user: note(call, 'Downstream {downstream}: each person links an account of his own.'),
  downstream_reached: ok(net, 'Downstream {downstream}: connected.'),
  call_done: ok('doctor.md#trying-a-call', 'Downstream {downstream}: {call} answered {status}.'),
  call_refused: wrong(
    'doctor.md#trying-a-call',
    'Downstream {downstream}: {call} answered {status}: it does not take the credential.',
    'what {downstream} accepts: issuer, audience and scopes of its tokens, or the secret',
  ),
  call_failed: wrong(
    'doctor.md#trying-a-call',
    'Downstream {downstream}: {call} answered {status}.',
    'downstreams.{downstream}.url',
  ),
  call_without_credential: untried(
    'doctor.md#trying-a-call',
    'Downstream {downstream}: {call} was not tried, since there is no credential to try it with.',
    '--subject file:…, or the person’s own connection',
  ),
  call_unlisted: wrong(
    'doctor.md#trying-a-call',
    '--call {call}: only a GET or HEAD of class read that the configuration lists is tried.',
    '--call',
  ),

  // The public URL, from here to here through whatever stands between.
  url_answers: ok(proxy, 'url: {count} paths reach this very instance, unchanged and unbuffered.'),
  url_not_tried: untried(
    proxy,
    'url: {url} was not tried: that needs the running instance.',
    'sallyport single, then doctor again on the same machine',
  ),
  url_other: wrong(
    route,
    'url: what answers at {url}{path} is not this instance (status {status}).',
    'the route for {path} at the proxy, or url',
  ),
  url_redirected: wrong(route, 'url: {url}{path} is redirected.', 'url, or the redirect at the proxy'),
  proxy_host: wrong(
    proxy,
    'url: the proxy changes Host: {path} came for another name than {host}.',
    'Host at the proxy (nginx: proxy_set_header Host $http_host; Envoy: no host rewrite)',
  ),
  proxy_path: wrong(
    proxy,
    'url: the proxy changes the path {path}.',
    'the path at the proxy (nginx: proxy_pass without a path; Envoy: no prefix_rewrite)',
  ),
  proxy_header: wrong(proxy, 'url: the proxy does not pass {header} on.', 'the header {header} at the proxy'),
  proxy_body: wrong(
    proxy,
    'url: a body of {bytes} bytes does not come through at {path} (status {status}).',
    'the largest body at the proxy (nginx: client_max_body_size)',
  ),
  proxy_buffers: wrong(
    proxy,
    'url: the proxy keeps a stream back: its first event came {seconds} s late at {path}.',
    'buffering at the proxy (nginx: proxy_buffering off)',
  ),
  proxy_caches: wrong(
    proxy,
    'url: the proxy gave the answer to {path} a second time out of a cache.',
    'caching at the proxy (nginx: proxy_cache off)',
  ),

  // Vault.
  vault_files: note(vault, 'Grants are kept in encrypted files; there is no Vault to look at.'),
  vault_ready: ok(vault, 'Vault: unsealed, and mounts and keys are there.'),
  vault_sealed: wrong(vault, 'Vault: it is sealed.', 'the seal of the vault: unseal it'),
  vault_new: wrong(vault, 'Vault: it was never initialised.', 'the vault: initialise and unseal it'),
  vault_foreign: wrong(vault, 'Vault: what answers is no Vault or OpenBao.', 'vault.address'),
  vault_redirects: wrong(vault, 'Vault: this node sends to another one.', 'vault.address: the active node'),
  vault_away: wrong(vault, 'Vault: it does not answer.', 'the vault: look at its own log'),
  vault_login_refused: wrong(
    vault,
    'Vault: the login {role} is refused.',
    '{field} (a new secret id, or token)',
  ),
  vault_mount_missing: wrong(
    vault,
    'Vault: there is no {engine} at {mount}, or the login has no right on it.',
    'vault.mounts.{name}',
  ),
  vault_key_missing: wrong(
    vault,
    'Vault: the Transit key {key} is missing.',
    'the keys of the Transit mount: run deploy/openbao/setup.mjs',
  ),
  vault_right_missing: wrong(
    logins,
    'Vault: the login {role} may not {right} {path}.',
    'the policy of the login {role}: run deploy/openbao/setup.mjs for tenant {tenant} and group {group}',
  ),
  vault_right_surplus: wrong(
    logins,
    'Vault: the login {role} may {right} {path}, which is not its work.',
    'the policies of the login {role}',
  ),
  vault_one_login: note(
    logins,
    'Vault: one login does everything; what one role may is not kept from the others.',
    'vault.logins instead of vault.login',
  ),
  vault_rights: ok(logins, 'Vault: each of the three logins may do its work, and not that of the others.'),
  vault_rights_untried: untried(
    logins,
    'Vault: the login {role} may not ask for its own rights, so they were not compared.',
    'sys/capabilities-self in the policy of the login {role}',
  ),
  vault_canary: ok(
    vault,
    'Vault: a grant was written, read, kept from a second writer, and destroyed (group {group}).',
  ),
  vault_canary_failed: wrong(
    vault,
    'Vault: a grant for a trial could not be {what} in group {group} ({error}).',
    '{field}',
  ),
  vault_canary_untried: untried(
    vault,
    'Vault: no grant was written for a trial.',
    'doctor without --fix-nothing',
  ),
} as const satisfies Readonly<Record<string, Row>>
