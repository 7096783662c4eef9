import { Buffer } from 'node:buffer'
import { type GuardedFetch, type OAuthClient, Secret } from '../../model/index.ts'
import { callTimeout } from '../call-timeout.ts'
import { isObject, type Json, type ProviderCall } from './provider.ts'

export interface Called {
  readonly status: number
  /** Undefined where the answer is no JSON object. */
  readonly body?: Json
}

/** What a provider may answer at most; more is not read. */
const maxCharacters = 64 * 1024

/** A call of a provider's own: here its secrets leave. @throws what the guarded fetch throws */
export async function callProvider(
  { method, url, authorization, headers, json }: ProviderCall,
  client: OAuthClient | undefined,
  fetch: GuardedFetch,
): Promise<Called> {
  const shown =
    authorization === 'client' ? basic(client) : authorization && `Bearer ${authorization.reveal()}`
  const response = await fetch(url, {
    method,
    headers: {
      accept: 'application/json',
      'user-agent': 'sallyport',
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(shown === undefined ? {} : { authorization: shown }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json, revealed) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(callTimeout * 1000),
  })
  const text = await response.text()
  const body = text.length > maxCharacters ? undefined : parsed(text)
  return { status: response.status, ...(body === undefined ? {} : { body }) }
}

function basic(client: OAuthClient | undefined): string {
  const text = `${client?.id ?? ''}:${client?.secret?.reveal() ?? ''}`
  return `Basic ${Buffer.from(text).toString('base64')}`
}

/** `this` is the object that holds the value, before `toJSON` has hidden it. */
function revealed(this: unknown, key: string, value: unknown): unknown {
  const own = (this as Record<string, unknown>)[key]
  return own instanceof Secret ? String(own.reveal()) : value
}

function parsed(text: string): Json | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return isObject(body) ? body : undefined
  } catch {
    return undefined
  }
}
