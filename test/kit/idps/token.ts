/** The token endpoint of a stub provider. */
import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Form, Granted, Refusal, Running } from './provider.ts'

export interface TokenAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

const isRefusal = (it: Granted | Refusal): it is Refusal => 'error' in it

export async function answerToken(
  running: Running,
  request: IncomingMessage,
  form: Form,
): Promise<TokenAnswer> {
  const { habits, client, knobs } = running
  const refuse = (refusal: Refusal, status = 400) => ({ status, body: habits.errorBody(refusal) })
  if (knobs.down !== undefined) return { status: knobs.down, body: {} }
  const { id, secret } = credentialsOf(request, form)
  if (id !== client.id || secret !== client.secret) return refuse(habits.refusals.client, 401)
  const refusal = knobs.refuse ?? habits.refuse(form, client)
  if (refusal !== undefined) return refuse(refusal)
  const found = await grantedFor(running, form)
  if (isRefusal(found)) return refuse(found)
  if (knobs.disabled.has(found.login.person.username)) return refuse(habits.refusals.disabled)
  const family =
    form['grant_type'] === 'refresh_token'
      ? running.refreshTokens.get(form['refresh_token'] ?? '')?.family
      : undefined
  return { status: 200, body: await tokens(running, found, { family, form }) }
}

async function grantedFor(running: Running, form: Form): Promise<Granted | Refusal> {
  const { habits } = running
  const type = form['grant_type'] ?? ''
  if (type === 'authorization_code') return redeem(running, form)
  if (type === 'refresh_token') return refresh(running, form)
  return (await habits.grants?.[type]?.(form, running)) ?? habits.refusals.grant
}

function redeem({ codes, habits }: Running, form: Form): Granted | Refusal {
  const code = codes.get(form['code'] ?? '')
  if (code === undefined || code.used || code.redirectUri !== form['redirect_uri'])
    return habits.refusals.code
  code.used = true
  const proof = createHash('sha256')
    .update(form['code_verifier'] ?? '')
    .digest('base64url')
  return code.challenge === undefined || code.challenge === proof ? code.granted : habits.refusals.code
}

function refresh({ refreshTokens, habits }: Running, form: Form): Granted | Refusal {
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
