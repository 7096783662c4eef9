import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Fastify from 'fastify'
import { decodeJwt } from 'jose'
import { onTestFinished } from 'vitest'
import { openIdentity, type OpenIdentity } from '../../src/identity/index.ts'
import type { LoginIssuer, WorkloadIssuer } from '../../src/identity/identity.ts'
import {
  type Access,
  type Decision,
  epoch,
  type Facts,
  type RecordEvent,
  SallyportError,
  type Scope,
  Secret,
  seconds,
  type Server,
  type Session,
  type Visitor,
} from '../../src/model/index.ts'
import { createHorizon, createReplica, createRevocations } from '../../src/revocation/index.ts'
import type { Approved, Client } from '../../src/signin/shapes.ts'
import { openAccessTokens } from '../../src/signin/token/access-tokens.ts'
import { createTokens } from '../../src/signin/token/create-tokens.ts'
import type { TokenDeps } from '../../src/signin/token/options.ts'
import { openKeyring, openSqliteState, type State } from '../../src/storage/index.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { aDownstream, aLogin, aServer, basic } from '../identity/opened.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { memorySecrets } from '../kit/memory-secrets.ts'
import { notedAudit, quietLog } from '../kit/quiet.ts'
import { steppedClock } from '../kit/stepped-clock.ts'

export const url = 'https://sallyport.example'
export const crm = aServer({ resource: `${url}/crm/mcp`, audiences: [`${url}/crm/mcp`] })
export const erp = aServer({ name: 'erp', resource: `${url}/erp/mcp`, audiences: [`${url}/erp/mcp`] })

const key = new Secret(new Uint8Array(32).fill(9), 'key')
const redirect = 'https://chat.example/callback'

export function aClient(id: string, over: Partial<Client> = {}): Client {
  return {
    id,
    name: id,
    redirects: [redirect],
    authentication: { method: 'none' },
    grants: ['authorization_code', 'refresh_token'],
    ...over,
  }
}

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const jwtGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

export function aRobot(id: string, over: Partial<Client> = {}): Client {
  return aClient(id, {
    redirects: [],
    authentication: { method: 'client_secret_basic', secret: new Secret(`${id} secret`, 'client secret') },
    grants: ['client_credentials', exchangeGrant, jwtGrant],
    ...over,
  })
}

export const robotAuth = (id: string): Record<string, string> => ({
  authorization: basic(id, `${id} secret`),
})

/** What a test may turn, and what it may look at afterwards. */
export interface Around {
  readonly clock: ReturnType<typeof steppedClock>
  readonly events: RecordEvent[]
  readonly ended: { readonly sid: string; readonly cause: string }[]
  readonly handed: Session[]
  readonly checked: string[]
  /** What the login issuer says of whoever is asked after. */
  login: Awaited<ReturnType<TokenDeps['checkLogin']>>
  /** Sessions that stand on a login connection, when it was last looked for those that nobody needs. */
  inUse: readonly Session[] | undefined
  admit: (facts: Facts, names: readonly string[]) => Decision<readonly string[]>
  clients: readonly Client[]
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, any>
}

/** One process: its listener, and what its gateway makes of a token. */
export interface Process {
  readonly identity: OpenIdentity
  upkeep(): Promise<void>
  readonly origin: string
  /** Parameters given as undefined are left out, lists repeat. */
  post(path: string, form: Form, headers?: Record<string, string>): Promise<Answered>
  token(form: Form, headers?: Record<string, string>): Promise<Answered>
  code(over?: Partial<Approved>): Promise<string>
  enter(token: string, server?: Server): Promise<Access>
  revoke(scope: Scope, hold?: boolean): Promise<{ readonly sessions: number; readonly signIns: string }>
}

export type Form = Readonly<Record<string, string | readonly string[] | undefined>>

export interface World extends Process {
  readonly around: Around
  readonly idp: Idp
  readonly state: State
  /** Another process on the same state, as after a restart or beside this one. */
  beside(): Promise<Process>
}

export interface WorldOptions {
  readonly clients?: readonly Client[]
  readonly servers?: readonly Server[]
  readonly login?: Partial<LoginIssuer>
  /** What the provider says of workloads, besides people. */
  readonly workloads?: Omit<WorkloadIssuer, 'issuer'>
  readonly subjectFrom?: 'login' | 'none'
  readonly algorithm?: 'EdDSA' | 'ES256'
  /** Of the data folder. */
  readonly key?: string
}

/** The token endpoint on a real state, a real log and a stub provider, behind a real listener. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const clock = steppedClock()
  const idp = await startIdp({ clock })
  onTestFinished(() => idp.close())
  const folder = temporaryFolder()
  const keyring = openKeyring(folder, options.key === undefined ? key : new Secret(options.key, 'key'))
  const audit = notedAudit()
  const around: Around = {
    clock,
    events: audit.events,
    ended: [],
    handed: [],
    checked: [],
    login: { state: 'alive' },
    inUse: undefined,
    admit: (_facts, names) => ({ effect: 'allow', permit: names, reason: 'allowed', rule: 'test' }),
    clients: options.clients ?? [aClient('chat')],
  }
  const open = () => {
    const state = openSqliteState(join(folder, 'state.db'), { newEpoch: () => 'epoch-1' })
    onTestFinished(() => state.close())
    return state
  }
  const state = open()
  const inside = { options, around, idp, keyring, audit }
  return {
    ...(await startProcess(inside, state)),
    around,
    idp,
    state,
    beside: () => startProcess(inside, open()),
  }
}

interface Inside {
  readonly options: WorldOptions
  readonly around: Around
  readonly idp: Idp
  readonly keyring: ReturnType<typeof openKeyring>
  readonly audit: ReturnType<typeof notedAudit>
}

async function startProcess(inside: Inside, state: State): Promise<Process> {
  const { options, around, idp, keyring, audit } = inside
  const { clock } = around
  const servers = options.servers ?? [crm, erp]
  const replica = createReplica({ tenant: 'acme', skew: seconds(0) }, { lease: { fresh: () => true } })
  const { gate, view } = replica
  const common = { clock, log: quietLog, random: (bytes: number) => randomBytes(bytes), gate, audit }
  const tokenOptions = {
    url,
    tenant: 'acme',
    environment: 'test',
    servers,
    access: seconds(3_600),
    idle: seconds(43_200),
    absolute: seconds(604_800),
    leeway: seconds(30),
    subjectFrom: options.subjectFrom ?? ('login' as const),
    algorithm: options.algorithm ?? ('EdDSA' as const),
    keyRotation: seconds(43_200),
    skew: seconds(5),
    login: aLogin(idp, options.login),
  }
  const accessTokens = openAccessTokens(tokenOptions, { ...common, ...keyring, signIns: state.signIns })
  const identity = openIdentity(
    {
      ...tokenOptions,
      lifetime: seconds(300),
      rotation: seconds(3_600),
      logins: [aLogin(idp, options.login)],
      workloads: options.workloads === undefined ? [] : [{ issuer: idp.issuer, ...options.workloads }],
      downstreams: [aDownstream('orders')],
    },
    {
      ...common,
      fetch: (address, init) => fetch(address, init),
      sidKey: keyring.derive('session ids'),
      admit: (facts, names) => around.admit(facts, names),
      signInAllowed: view.coversSignIn,
      hand: (session) => around.handed.push(session),
      sessions: state.sessions,
      capabilities: new Map(),
      revokeSession: () => Promise.resolve(),
      verifyOwn: accessTokens.verify,
    },
  )
  const revocations = createRevocations(
    { tenant: 'acme' },
    {
      ...common,
      state,
      replica,
      horizon: createHorizon(clock),
      secrets: memorySecrets(),
      metrics: createMetrics({ process: false }),
      signer: keyring.signer,
      random: randomUUID,
      bar: async (scope, seq) => {
        identity.forget()
        await state.signIns.end(scope, seq)
        return { sessions: await state.sessions.end(scope, seq), signIns: 'auth_time' }
      },
      provider: async () => ({ outcome: 'unsupported' }),
    },
  )
  await revocations.start(false)
  onTestFinished(() => revocations.close())
  const revoke = async (scope: Scope, hold = false) => {
    const order = {
      id: randomUUID(),
      scope,
      hold,
      cause: 'a test',
      by: 'test',
      wait: 'fence',
      waitSeconds: 2,
    } as const
    const { receipt } = await revocations.revoke(order)
    return { sessions: receipt.replicas[0]!.sessions, signIns: receipt.signIns }
  }
  const tokens = createTokens(tokenOptions, accessTokens, {
    ...common,
    ...keyring,
    identity,
    tickets: state.tickets,
    signIns: state.signIns,
    fetch: (address, init) => fetch(address, init),
    findClient: async (id) => around.clients.find((client) => client.id === id),
    checkLogin: async (session) => {
      around.checked.push(session.principal.subject)
      return around.login
    },
    dropUnusedLogins: async (_tenant, inUse) => {
      around.inUse = inUse
    },
    endSession: async (session, { cause }) => {
      around.ended.push({ sid: session.sid, cause })
      await revoke({ kind: 'session', tenant: 'acme', sid: session.sid })
    },
  })
  const app = Fastify()
  tokens.mount(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const post: Process['post'] = (path, form, headers = {}) => postForm(origin + path, form, headers)
  return {
    identity,
    upkeep: tokens.upkeep,
    origin,
    post,
    revoke,
    token: (form, headers) => post('/oauth2/token', form, headers),
    code: (over = {}) =>
      tokens.issueCode({
        client: around.clients[0]!,
        redirect,
        challenge: challengeOf(verifier),
        server: crm,
        scopes: ['mcp'],
        visitor: visitor(around, idp),
        rev: gate.applied,
        ...over,
      }),
    enter: async (token, server = crm) => identity.enterAt(token, server),
  }
}

async function postForm(at: string, form: Form, headers: Record<string, string>): Promise<Answered> {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(form))
    for (const one of value === undefined ? [] : [value].flat()) body.append(name, one)
  const response = await fetch(at, { method: 'POST', headers, body })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

const verifier = 'v'.repeat(43)

const challengeOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** Alice, who has just signed in at the provider. */
export function visitor({ clock }: Around, { issuer }: Idp, over: Partial<Visitor> = {}): Visitor {
  const now = clock.now()
  return {
    principal: { kind: 'user', tenant: 'acme', issuer, subject: 'alice' },
    authTime: epoch(now - 1),
    idpSid: 'idp-session-1',
    groups: ['crm-users'],
    groupsComplete: true,
    expiresAt: epoch(now + 3_600),
    rev: 0,
    ...over,
  }
}

export const codeForm = (code: string, over: Form = {}): Form => ({
  grant_type: 'authorization_code',
  client_id: 'chat',
  code,
  redirect_uri: redirect,
  code_verifier: verifier,
  resource: crm.resource,
  ...over,
})

export const refreshForm = (token: string, over: Form = {}): Form => ({
  grant_type: 'refresh_token',
  client_id: 'chat',
  refresh_token: token,
  ...over,
})

/** A sign-in of alice with `chat` at `crm`: the whole answer. */
export async function signedIn(world: Process): Promise<Record<string, any>> {
  const { status, body } = await world.token(codeForm(await world.code()))
  if (status !== 200) throw new Error(JSON.stringify(body))
  return body
}

/** Status, OAuth error and reason code of a refusal, on one line. */
export const outcome = ({ status, body }: Answered): string =>
  [status, body['error'], body['code']].filter((it) => it !== undefined).join(' ')

export const claimsOf = (answer: Record<string, any>): Record<string, any> =>
  decodeJwt(answer['access_token'])

/** The code of the failure, for `expect(await codeOf(…)).toBe(…)`. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SallyportError) return error.code
    throw error
  }
  return 'no error'
}
