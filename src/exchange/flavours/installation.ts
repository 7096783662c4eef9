import { createPrivateKey } from 'node:crypto'
import { SignJWT } from 'jose'
import {
  type EpochSeconds,
  epoch,
  type GuardedFetch,
  type InstallationSource,
  SallyportError,
  Secret,
} from '../../model/index.ts'
import { callProvider } from '../providers/call.ts'
import { githubApi } from '../providers/github.ts'
import { isObject, isText, type Json } from '../providers/provider.ts'
import type { Issued } from './flavour.ts'

/** Seconds; GitHub takes ten minutes at most, and asks for a minute against clocks that go ahead. */
const life = 540
const ahead = 60

/** The app itself, as a JWT that its key signs (docs.github.com, "Generating a JWT for a GitHub App"). */
async function appToken({ app, key }: InstallationSource, now: EpochSeconds): Promise<Secret> {
  const jwt = new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(app)
    .setIssuedAt(Math.floor(now) - ahead)
    .setExpirationTime(Math.floor(now) + life)
  try {
    return new Secret(await jwt.sign(createPrivateKey(key.reveal())), 'app token')
  } catch (error) {
    throw new SallyportError('exchange_misconfigured', { field: 'github-app.key' }, error)
  }
}

const codeOfStatus = (status: number) => {
  if (status === 429 || status >= 500) return 'exchange_unavailable'
  // 422: a repository or permission that the installation does not have.
  return status === 403 || status === 422 ? 'exchange_target_refused' : 'exchange_misconfigured'
}

/** The answer holds no more than was asked for, or it is not used. */
function judge(body: Json, source: InstallationSource, now: EpochSeconds): Issued {
  const { token, expires_at: ends, permissions, repositories } = body
  const expiresAt = typeof ends === 'string' ? Date.parse(ends) / 1000 : Number.NaN
  const refuse = (field: string): never => {
    throw new SallyportError('exchange_response_refused', { field })
  }
  if (!isText(token) || !/^[\w.~+/-]+=*$/.test(token)) return refuse('token')
  if (!(expiresAt > now)) return refuse('expires_at')
  const granted = isObject(permissions) ? Object.entries(permissions) : []
  const wanted = Object.entries(source.permissions)
  const asked = ([name, level]: readonly [string, unknown]) =>
    // Every installation may read metadata, asked or not.
    name === 'metadata' ||
    wanted.some(([other, least]) => other === name && (least === level || level === 'read'))
  if (wanted.length > 0 && !granted.every(asked)) return refuse('permissions')
  const names = Array.isArray(repositories)
    ? repositories.map((it) => (isObject(it) ? it['name'] : undefined))
    : undefined
  const { repositories: only } = source
  const within = names?.every((name) => isText(name) && only.includes(name))
  if (only.length > 0 && within !== true) return refuse('repositories')
  return {
    secret: new Secret(token, 'access token'),
    obtainedAt: now,
    expiresAt: epoch(expiresAt),
    scopes: granted.map(([name, level]) => `${name}:${String(level)}`),
  }
}

/**
 * A token of an installation of a GitHub App (docs.github.com, "Create an installation access token for an app"):
 * an hour, for the repositories and permissions that are configured. No OAuth, so it is asked for by a call of its own.
 * @throws exchange_*
 */
export async function installationToken(
  source: InstallationSource,
  deps: { readonly fetch: GuardedFetch; readonly now: () => EpochSeconds },
): Promise<Issued> {
  const { issuer, installation, repositories, permissions } = source
  const url = `${githubApi(issuer)}/app/installations/${encodeURIComponent(installation)}/access_tokens`
  const authorization = await appToken(source, deps.now())
  const json = {
    ...(repositories.length === 0 ? {} : { repositories }),
    ...(Object.keys(permissions).length === 0 ? {} : { permissions }),
  }
  const { status, body } = await callProvider(
    { method: 'POST', url, authorization, json, headers: { accept: 'application/vnd.github+json' } },
    undefined,
    deps.fetch,
  ).catch((error: unknown) => {
    if (error instanceof SallyportError && error.code === 'address_refused') throw error
    throw new SallyportError('exchange_unavailable', {}, error)
  })
  if (status !== 201 || body === undefined) throw new SallyportError(codeOfStatus(status))
  return judge(body, source, deps.now())
}
