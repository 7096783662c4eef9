/** The token endpoint of a stub provider. */
import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Form, Granted, Refusal, Running, StubClient } from './provider.ts'

export interface TokenAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

type Found = Granted | Refusal

const isRefusal = (it: object): it is Refusal => 'error' in it

export async function answerToken(
  running: Running,
  request: IncomingMessage,
  form: Form,
): Promise<TokenAnswer> {
  const { habits, clients, knobs } = running
  const refuse = (refusal: Refusal, status = 400) => ({ status, body: habits.errorBody(refusal) })
  if (knobs.down !== undefined) return { status: knobs.down, body: {} }
  const { id, secret } = credentialsOf(request, form)
  const client = clients.find((each) => each.id === id && each.secret === secret)
  if (client === undefined) return refuse(habits.refusals.client, 401)
  const isOwn = habits.grants?.[form['grant_type'] ?? ''] !== undefined
  const refusal = knobs.refuse ?? (isOwn ? undefined : habits.refuse(form, client))
  if (refusal !== undefined) return refuse(refusal)
  const body = await answerGrant(running, client, form)
  return isRefusal(body) ? refuse(body) : { status: 200, body }
}

async function answerGrant(
  running: Running,
  client: StubClient,
  form: Form,
): Promise<Record<string, unknown> | Refusal> {
  const { habits, refreshTokens } = running
  const type = form['grant_type'] ?? ''
  const more = habits.grants?.[type]
  if (more !== undefined) return more(form, client, running)
  const family = refreshTokens.get(form['refresh_token'] ?? '')?.family
  if (type === 'authorization_code') return give(running, client, { form, found: redeem(running, form) })
  if (type === 'refresh_token') return give(running, client, { form, found: refresh(running, form), family })
  return habits.refusals.grant
}

async function give(
  running: Running,
  client: StubClient,
  {
    form,
    found,
    family,
  }: { readonly form: Form; readonly found: Found; readonly family?: string | undefined },
): Promise<Record<string, unknown> | Refusal> {
  const { habits, knobs } = running
  if (isRefusal(found)) return found
  if (found.client.id !== client.id) return habits.refusals.code
  if (knobs.disabled.has(found.login.person.username)) return habits.refusals.disabled
  return tokens(running, found, { family, form })
}

function redeem({ codes, habits }: Running, form: Form): Found {
  const code = codes.get(form['code'] ?? '')
  if (code === undefined || code.used || code.redirectUri !== form['redirect_uri'])
    return habits.refusals.code
  code.used = true
  const proof = createHash('sha256')
    .update(form['code_verifier'] ?? '')
    .digest('base64url')
  return code.challenge === undefined || code.challenge === proof ? code.granted : habits.refusals.code
}

function refresh({ refreshTokens, habits }: Running, form: Form): Found {
  const token = refreshTokens.get(form['refresh_token'] ?? '')
  if (token === undefined) return habits.refusals.refresh
  const now = Date.now()
  if (token.usedAt !== undefined && now - token.usedAt > habits.leeway * 1000) {
    for (const [text, other] of refreshTokens) if (other.family === token.family) refreshTokens.delete(text)
    return habits.refusals.refresh
  }
  token.usedAt ??= now
  return token.granted
}

async function tokens(
  running: Running,
  granted: Granted,
  { family, form }: { readonly family: string | undefined; readonly form: Form },
): Promise<Record<string, unknown>> {
  const { habits, keys, knobs, place, refreshTokens } = running
  const iat = Math.floor(Date.now() / 1000)
  const { claims, header } = habits.accessToken(granted, place)
  const body: Record<string, unknown> = {
    token_type: 'Bearer',
    expires_in: knobs.life,
    scope: granted.scope.filter((each) => each !== 'offline_access').join(' '),
    access_token: await keys.sign({ iat, nbf: iat, exp: iat + knobs.life, ...claims }, header),
  }
  if (granted.scope.includes('openid')) {
    const nonce = form['grant_type'] === 'authorization_code' ? granted.nonce : undefined
    const id = {
      iss: place.issuer,
      aud: granted.client.id,
      iat,
      exp: iat + 3600,
      nonce,
      ...habits.idToken(granted, place),
    }
    body['id_token'] = await keys.sign(knobs.idToken(id))
  }
  if (granted.scope.includes('offline_access')) {
    const token = randomUUID()
    refreshTokens.set(token, { granted, family: family ?? token, usedAt: undefined })
    body['refresh_token'] = token
  }
  return body
}

function credentialsOf(
  { headers }: IncomingMessage,
  form: Form,
): { readonly id: string; readonly secret: string } {
  const basic = /^Basic (\S+)$/.exec(headers.authorization ?? '')?.[1]
  if (basic === undefined) return { id: form['client_id'] ?? '', secret: form['client_secret'] ?? '' }
  const [id = '', secret = ''] = Buffer.from(basic, 'base64')
    .toString()
    .split(':')
    .map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
  return { id, secret }
}
