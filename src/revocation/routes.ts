import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Clock, type LogBody, SallyportError } from '../model/index.ts'
import type { State } from '../storage/index.ts'
import type { Revocations } from './revocations.ts'
import {
  holdsByDefault,
  readRevocable,
  readScope,
  type ScopeInput,
  type ScopeNames,
  scopeSchema,
} from './scope-input.ts'
import type { SignedReceipt } from './receipts.ts'

export interface AdminDeps {
  readonly revocations: Revocations
  readonly state: State
  readonly names: () => ScopeNames
  readonly clock: Clock
  readonly random: () => string
}

interface RevocationBody {
  readonly id?: string
  readonly scope: ScopeInput
  readonly hold?: boolean
  readonly cause: string
  readonly wait?: 'fence' | 'providers'
  readonly wait_s?: number
}

const cause = { type: 'string', minLength: 1, maxLength: 300 } as const
const idempotencyId = { type: 'string', pattern: '^[A-Za-z0-9_-]{8,64}$' } as const
const anyObject = { type: 'object', additionalProperties: true } as const
const receiptAnswer = {
  type: 'object',
  required: ['status', 'receipt', 'jws'],
  properties: { status: { type: 'string' }, receipt: anyObject, jws: { type: 'string' } },
} as const

const revocationSchema = {
  body: {
    type: 'object',
    required: ['scope', 'cause'],
    additionalProperties: false,
    properties: {
      id: idempotencyId,
      scope: scopeSchema,
      hold: { type: 'boolean' },
      cause,
      wait: { enum: ['fence', 'providers'] },
      wait_s: { type: 'number', minimum: 0, maximum: 600 },
    },
  },
  response: { 200: receiptAnswer, 202: receiptAnswer },
} as const

/** `/v1` for revocations, holds, releases, switches and sessions. The caller has authenticated this scope of routes. */
export function mountAdmin(app: FastifyInstance, deps: AdminDeps): void {
  app.post<{ Body: RevocationBody }>(
    '/v1/revocations',
    { schema: revocationSchema },
    async (request, reply) => {
      const { body } = request
      const scope = readRevocable(body.scope, deps.names())
      const signed = await deps.revocations.revoke({
        id: body.id ?? deps.random(),
        scope,
        hold: body.hold ?? holdsByDefault(scope),
        cause: body.cause,
        by: 'admin',
        wait: body.wait ?? 'fence',
        waitSeconds: body.wait_s ?? 25,
      })
      return answer(reply, signed)
    },
  )

  app.get<{ Params: { id: string } }>(
    '/v1/revocations/:id',
    { schema: { response: { 200: receiptAnswer } } },
    async (request) => {
      const signed = await deps.revocations.receipt(request.params.id)
      if (signed === undefined) throw new SallyportError('not_found')
      return { status: signed.receipt.status, ...signed }
    },
  )

  mountSayings(app, deps)
  mountLists(app, deps)
}

function answer(reply: FastifyReply, signed: SignedReceipt): Record<string, unknown> {
  void reply.status(signed.receipt.status === 'complete' ? 200 : 202)
  return { status: signed.receipt.status, ...signed }
}

interface SayingBody {
  readonly id?: string
  readonly scope: ScopeInput
  readonly cause: string
}

/** What is said in the log without a follow-up: hold, release, switch. */
function mountSayings(app: FastifyInstance, deps: AdminDeps): void {
  const say = (path: string, body: (input: SayingBody) => LogBody) => {
    const schema = {
      body: {
        type: 'object',
        required: ['scope', 'cause'],
        additionalProperties: false,
        properties: { id: idempotencyId, scope: scopeSchema, cause },
      },
      response: {
        200: { type: 'object', properties: { seq: { type: 'integer' }, epoch: { type: 'string' } } },
      },
    } as const
    app.post<{ Body: SayingBody }>(path, { schema }, async (request) => {
      const entry = await deps.revocations.say(body(request.body), 'admin', request.body.id)
      return { seq: entry.seq, epoch: entry.epoch }
    })
  }
  const revocable = (input: SayingBody) => readRevocable(input.scope, deps.names())
  const scope = (input: SayingBody) => readScope(input.scope, deps.names())
  say('/v1/holds', (input) => ({ kind: 'hold', scope: revocable(input), cause: input.cause }))
  say('/v1/releases', (input) => ({ kind: 'release', scope: revocable(input), cause: input.cause }))
  say('/v1/switches/off', (input) => ({ kind: 'switch', scope: scope(input), on: false, cause: input.cause }))
  say('/v1/switches/on', (input) => ({ kind: 'switch', scope: scope(input), on: true, cause: input.cause }))
}

function mountLists(app: FastifyInstance, deps: AdminDeps): void {
  const list = (name: string) => ({
    response: { 200: { type: 'object', properties: { [name]: { type: 'array', items: anyObject } } } },
  })
  app.get('/v1/holds', { schema: list('holds') }, async () => ({ holds: deps.revocations.holds() }))
  app.get('/v1/switches', { schema: list('switches') }, async () => ({
    switches: deps.revocations.switches(),
  }))
  app.get('/v1/sessions', { schema: list('sessions') }, async () => ({
    sessions: await deps.state.sessions.list(deps.names().tenant, undefined, deps.clock.now()),
  }))
  app.get('/v1/connections', { schema: list('connections') }, async () => ({
    connections: await deps.state.connections.list(deps.names().tenant, undefined),
  }))
}
