/**
 * The real parts of the tests under test/real: one OpenBao and one Keycloak for the whole run, started before the
 * first test and ended after the last, HTTP clients of other languages, the MCP conformance suite, what the recipes
 * for MCP servers need, and a browser (browser.ts). Tests share them, so each takes mounts, keys and sessions of its own.
 * Where a part may be missing (SALLYPORT_TEST_OFFLINE=1) a suite skips itself, and the skips are counted:
 *
 *     describe.skipIf(parts().keycloak === undefined)('…', () => { … })
 */
import { inject } from 'vitest'
import realm from './keycloak/realm.json' with { type: 'json' }
import type { Chromium } from './parts/chromium.ts'
import type { Clients } from './parts/clients.ts'
import { admin } from './parts/keycloak.ts'
import { type OpenBaoCluster, startOpenBaoClusterAt } from './parts/openbao-cluster.ts'
import { type BaoAddress, type OpenBao, type OpenBaoOptions, startOpenBaoAt } from './parts/openbao.ts'
import type { Recipes } from './parts/recipes.ts'

export type { OpenBaoCluster } from './parts/openbao-cluster.ts'
export { type BaoAddress, bao, mountKv, type OpenBao } from './parts/openbao.ts'

/** Confidential clients of the realm; what each is for stands in its description in realm.json. */
export type ClientName = 'chat' | 'chat-unmapped' | 'sallyport' | 'orders-api' | 'billing-api'
export type UserName = 'alice' | 'bob'

export interface KeycloakPart {
  readonly baseUrl: string
  readonly realm: string
  readonly issuer: string
  /** Root of the admin REST API of the realm. */
  readonly adminUrl: string
  readonly admin: { readonly user: string; readonly password: string }
  /** Secrets by client id. */
  readonly clients: Readonly<Record<ClientName, string>>
  /** Passwords by user name. */
  readonly users: Readonly<Record<UserName, string>>
}

export interface Parts {
  readonly openbao?: BaoAddress
  readonly keycloak?: KeycloakPart
  readonly clients?: Clients
  /** The folder with the MCP conformance suite. */
  readonly conformance?: string
  readonly recipes?: Recipes
  /** The folder with the MCP Inspector. */
  readonly inspector?: string
  readonly chromium?: Chromium
  readonly envoy?: string
}

export function parts(): Parts {
  const { openbao, keycloak, clients, conformance, recipes, inspector, chromium, envoy } = inject('parts')
  return {
    ...(openbao === undefined ? {} : { openbao: { address: openbao.address, rootToken: openbao.rootToken } }),
    ...(keycloak === undefined ? {} : { keycloak: keycloakPart(keycloak.baseUrl) }),
    ...(clients === undefined ? {} : { clients }),
    ...(conformance === undefined ? {} : { conformance }),
    ...(recipes === undefined ? {} : { recipes }),
    ...(inspector === undefined ? {} : { inspector }),
    ...(chromium === undefined ? {} : { chromium }),
    ...(envoy === undefined ? {} : { envoy }),
  }
}

function keycloakPart(baseUrl: string): KeycloakPart {
  return {
    baseUrl,
    realm: realm.realm,
    issuer: `${baseUrl}/realms/${realm.realm}`,
    adminUrl: `${baseUrl}/admin/realms/${realm.realm}`,
    admin,
    clients: Object.fromEntries(realm.clients.map(({ clientId, secret }) => [clientId, secret])) as Record<
      ClientName,
      string
    >,
    users: Object.fromEntries(
      realm.users.flatMap(({ username, credentials }) => credentials.map(({ value }) => [username, value])),
    ) as Record<UserName, string>,
  }
}

/** An OpenBao of the test's own, to seal, kill or restart. The test stops it (`afterAll(() => server.stop())`). */
export async function startOpenBao(options: OpenBaoOptions = { seal: 'shamir' }): Promise<OpenBao> {
  return startOpenBaoAt(openBaoBinary(), options)
}

/** Three nodes of the test's own, all of them voters. The test stops them. It takes half a minute. */
export async function startOpenBaoCluster(): Promise<OpenBaoCluster> {
  return startOpenBaoClusterAt(openBaoBinary())
}

function openBaoBinary(): string {
  const { openbao } = inject('parts')
  if (openbao === undefined)
    throw new Error('OpenBao is not here: skip this suite if parts().openbao is undefined')
  return openbao.binary
}

function keycloak(): KeycloakPart {
  const part = parts().keycloak
  if (part === undefined)
    throw new Error('Keycloak is not here: skip this suite if parts().keycloak is undefined')
  return part
}

export interface TokenResponse {
  readonly access_token: string
  readonly expires_in: number
  readonly token_type: string
  readonly scope: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly issued_token_type?: string
}

/** The token endpoint, as one of the realm's clients. Fails on any status but 200, with Keycloak's own words. */
export async function keycloakToken(
  client: ClientName,
  form: Readonly<Record<string, string>>,
): Promise<TokenResponse> {
  const { issuer, clients } = keycloak()
  const response = await fetch(`${issuer}/protocol/openid-connect/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client}:${clients[client]}`)}` },
    body: new URLSearchParams(form),
  })
  if (!response.ok) throw new Error(`Keycloak refused: ${response.status} ${await response.text()}`)
  return (await response.json()) as TokenResponse
}

/** A sign-in: what an MCP client would hold after its user typed the password. */
export function passwordToken(
  who: { readonly user?: UserName; readonly client?: ClientName; readonly scope?: string } = {},
): Promise<TokenResponse> {
  const { user = 'alice', client = 'chat', scope = 'openid' } = who
  const password = keycloak().users[user]
  return keycloakToken(client, { grant_type: 'password', username: user, password, scope })
}

/** The claims of a JWT, unverified. */
export function claimsOf(token: string): any {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}
