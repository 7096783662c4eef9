import { randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import { mountTokenFace, type OpenIdentity, openIdentity } from '../../src/identity/index.ts'
import type { Proof } from '../../src/identity/capability.ts'
import type { LoginIssuer, WorkloadIssuer } from '../../src/identity/identity.ts'
import {
  type Barred,
  type Decision,
  type Downstream,
  type Facts,
  type GuardedFetch,
  type RecordEvent,
  SallyportError,
  Secret,
  type Server,
  type Session,
  seconds,
  type Work,
} from '../../src/model/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import type { Idp } from '../kit/idp.ts'
import { notedAudit, quietLog } from '../kit/quiet.ts'

export const url = 'https://crm.example'

export function aServer(over: Partial<Server> = {}): Server {
  return {
    name: 'crm',
    resource: 'https://crm.example',
    audiences: ['https://crm.example'],
    extraAudiences: [],
    acceptSubjectToken: false,
    group: 'crm',
    allow: [{ kind: 'anyone' }],
    deny: [],
    direct: [],
    tools: [],
    client: { id: 'crm-client', secret: new Secret('crm secret/+%', 'client secret') },
    ...over,
  }
}

export function aDownstream(name: string, resource = `https://${name}.internal`): Downstream {
  return {
    name,
    origin: `https://${name}.internal`,
    basePath: '',
    resource,
    operations: [],
    credential: { kind: 'static', per: 'user', placement: { kind: 'bearer' } },
  }
}

export function aLogin(idp: Pick<Idp, 'issuer'>, over: Partial<LoginIssuer> = {}): LoginIssuer {
  return {
    issuer: idp.issuer,
    groupsClaim: 'groups',
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    types: [],
    skew: seconds(30),
    ...over,
  }
}

/** What a test may turn, and what it may look at afterwards. */
export interface Surroundings {
  readonly clock: ReturnType<typeof steppedClock>
  readonly events: RecordEvent[]
  readonly handed: { session: Session; token: Secret; expiresAt: number }[]
  readonly put: Session[]
  readonly revoked: { session: Session; by: string }[]
  readonly fetched: string[]
  readonly facts: Facts[]
  applied: number
  barred: (work: Work, rev: number) => Barred | undefined
  tooOld: (work: Work, at: number) => Barred | undefined
  admit: (facts: Facts, names: readonly string[]) => Decision<readonly string[]>
  failNote: boolean
}

export interface OpenedOptions {
  readonly logins: readonly LoginIssuer[]
  readonly workloads?: readonly WorkloadIssuer[]
  readonly servers?: readonly Server[]
  readonly downstreams?: readonly Downstream[]
  readonly capabilities?: ReadonlyMap<string, Proof>
  readonly algorithm?: 'EdDSA' | 'ES256'
  readonly lifetime?: number
  readonly clock?: ReturnType<typeof steppedClock>
  readonly sidKey?: Uint8Array
  /** How the provider is reached; by the machine's own `fetch` where it is left out. */
  readonly fetch?: GuardedFetch
}

export interface Opened {
  readonly identity: OpenIdentity
  readonly around: Surroundings
  /** The token face in an application of its own. */
  app(): Promise<FastifyInstance>
}

export function opened(options: OpenedOptions): Opened {
  const audit = notedAudit()
  const around: Surroundings = {
    clock: options.clock ?? steppedClock(),
    events: audit.events,
    handed: [],
    put: [],
    revoked: [],
    fetched: [],
    facts: [],
    applied: 3,
    barred: () => undefined,
    tooOld: () => undefined,
    admit: (_facts, names) => ({ effect: 'allow', permit: names, reason: 'allowed', rule: 'test' }),
    failNote: false,
  }
  const fetch: GuardedFetch = (address, init) => {
    around.fetched.push(String(address))
    return (options.fetch ?? globalThis.fetch)(address, init)
  }
  const identity = openIdentity(
    {
      url,
      tenant: 'acme',
      environment: 'test',
      lifetime: seconds(options.lifetime ?? 300),
      algorithm: options.algorithm ?? 'EdDSA',
      rotation: seconds(3600),
      logins: options.logins,
      workloads: options.workloads ?? [],
      servers: options.servers ?? [aServer()],
      downstreams: options.downstreams ?? [aDownstream('orders'), aDownstream('github')],
    },
    {
      clock: around.clock,
      log: quietLog,
      random: (size) => randomBytes(size),
      sidKey: new Secret(options.sidKey ?? new Uint8Array(32).fill(7), 'sid key'),
      fetch,
      admit: (facts, names) => {
        around.facts.push(facts)
        return around.admit(facts, names)
      },
      gate: {
        check: (work, rev) => around.barred(work, rev),
        fresh: () => true,
        get applied() {
          return around.applied
        },
      },
      signInAllowed: (work, at) => around.tooOld(work, at),
      hand: (session, token, expiresAt) => around.handed.push({ session, token, expiresAt }),
      sessions: { put: async (session) => void around.put.push(session) },
      audit: {
        note: async (event) => {
          if (around.failNote) throw new SallyportError('record_unavailable')
          await audit.note(event)
        },
      },
      revokeSession: async (session, by) => void around.revoked.push({ session, by }),
      capabilities: options.capabilities ?? new Map(),
    },
  )
  return {
    identity,
    around,
    app: async () => {
      const app = Fastify()
      await mountTokenFace(
        app,
        { issuer: identity.issuer, address: () => 'http://127.0.0.1:9180' },
        { ...identity, log: quietLog },
      )
      return app
    },
  }
}

export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`

export const crmAuth = { authorization: basic('crm-client', 'crm secret/+%') }

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** Ask the token endpoint; parameters given as undefined are left out, arrays repeat. */
export async function exchange(
  app: FastifyInstance,
  subject: string,
  over: Record<string, string | readonly string[] | undefined> = {},
  headers: Record<string, string> = crmAuth,
): Promise<{ status: number; body: Record<string, any>; headers: Record<string, unknown> }> {
  const parameters = new URLSearchParams()
  const all: Record<string, string | readonly string[] | undefined> = {
    grant_type: exchangeGrant,
    subject_token: subject,
    subject_token_type: accessTokenType,
    ...over,
  }
  for (const [name, value] of Object.entries(all)) {
    for (const one of value === undefined ? [] : [value].flat()) parameters.append(name, one)
  }
  return post(app, '/oauth2/token', parameters.toString(), headers)
}

export async function post(
  app: FastifyInstance,
  path: string,
  body: string,
  headers: Record<string, string> = crmAuth,
): Promise<{ status: number; body: Record<string, any>; headers: Record<string, unknown> }> {
  const answer = await app.inject({
    method: 'POST',
    url: path,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: body,
  })
  return {
    status: answer.statusCode,
    body: answer.body === '' ? {} : JSON.parse(answer.body),
    headers: answer.headers,
  }
}

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
