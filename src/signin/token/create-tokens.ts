import {
  type Claims,
  exchangeGrant,
  type FormRequest,
  mountFormFace,
  postForm,
  publish,
} from '../../identity/index.ts'
import { asSallyportError, type RecordWho, SallyportError } from '../../model/index.ts'
import type { Client, Tokens } from '../shapes.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { Grant } from './asked.ts'
import type { Parts } from './begin.ts'
import { createClientAuthentication } from './client-auth.ts'
import { createClientCredentials } from './client-credentials.ts'
import { createCodes } from './code.ts'
import { createRefreshTokens } from './handles.ts'
import { createIdJag, jwtBearerGrant } from './id-jag.ts'
import type { TokenDeps, TokenOptions } from './options.ts'
import { createRefresh } from './refresh.ts'
import { revoke } from './revoke.ts'
import { createTokenExchange } from './token-exchange.ts'
import { lookAfter } from './upkeep.ts'

/** The token endpoint's half of the room. */
export function createTokens(options: TokenOptions, accessTokens: AccessTokens, deps: TokenDeps): Tokens {
  const refreshTokens = createRefreshTokens(deps.derive('refresh tokens'))
  const parts: Parts = { options, deps, accessTokens, refreshTokens }
  const codes = createCodes(parts)
  const grants = new Map<string, Grant>([
    ['authorization_code', codes.redeem],
    ['refresh_token', createRefresh(parts)],
    ['client_credentials', createClientCredentials(parts)],
    [exchangeGrant, createTokenExchange(parts)],
    [jwtBearerGrant, createIdJag(parts)],
  ])
  const authenticate = createClientAuthentication(options, deps)

  const token = async (request: FormRequest): Promise<Claims> => {
    let about: RecordWho = {}
    try {
      const type = request.form.one('grant_type')
      if (type === undefined)
        throw new SallyportError('request_malformed', { hint: 'grant_type is required.' })
      const grant = grants.get(type)
      if (grant === undefined) throw new SallyportError('grant_type_unsupported')
      const client = await authenticate(request)
      about = { client: client.name }
      checkGrant(client, type)
      const asked = { client, form: request.form, id: request.id, about }
      return { ...(await grant(asked).finally(() => (about = asked.about))) }
    } catch (error) {
      const refusal = asSallyportError(error)
      await recordDenial(refusal, { about, request: request.id }, deps)
      throw refusal
    }
  }
  return {
    grants: [...grants.keys()],
    issueCode: codes.issue,
    upkeep: () => lookAfter(parts),
    mount: (app) =>
      void mountFormFace(app, { name: 'token endpoint', log: deps.log }, (face) => {
        postForm(face, '/oauth2/token', token)
        postForm(face, '/oauth2/revoke', async (request) =>
          revoke(request.form, await authenticate(request), parts),
        )
        face.get('/oauth2/keys', (_request, reply) => publish(reply, accessTokens.jwks()))
      }),
  }
}

/** What a client may have besides a person's consent: only if it can be told from every other (RFC 6749 §4.4). */
const openToAll: ReadonlySet<string> = new Set(['authorization_code', 'refresh_token'])

/** @throws client_grant_refused, client_auth_failed */
function checkGrant({ grants, authentication }: Client, type: string): void {
  if (!grants.includes(type)) throw new SallyportError('client_grant_refused')
  if (authentication.method === 'none' && !openToAll.has(type)) throw new SallyportError('client_auth_failed')
}

/** A refusal is recorded with whoever was known by then, and only then answered. */
async function recordDenial(
  refusal: SallyportError,
  { about, request }: { readonly about: RecordWho; readonly request: string },
  { audit, gate, log }: TokenDeps,
): Promise<void> {
  const { code, facts } = refusal
  log.warn('access token refused', { code, server: about.server, request }, refusal)
  const rule = facts.rule === undefined ? {} : { rule: facts.rule }
  const event = { kind: 'denial', request, who: about, decision: 'deny', reason: code, ...rule } as const
  try {
    await audit.note({ ...event, rev: gate.applied }, 'handed')
  } catch (error) {
    log.error('a denial could not be recorded', { code, request }, error)
  }
}
