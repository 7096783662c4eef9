import type { CustomFetch } from 'openid-client'
import { isObject, isText, type Json } from './provider.ts'

/**
 * Token answers in the words of RFC 6749 §5, for providers that have their own. An error that comes with status 200
 * becomes a 400, so that it is one to everybody who reads it.
 */
export function standardAnswers(fetch: CustomFetch, answer: (body: Json) => Json): CustomFetch {
  return async (url, options) => {
    const response = await fetch(url, options)
    const body = await jsonOf(response)
    if (body === undefined) return response
    const standard = answer(body)
    const failed = response.status === 200 && isText(standard['error'])
    return Response.json(standard, { status: failed ? 400 : response.status, headers: kept(response) })
  }
}

async function jsonOf(response: Response): Promise<Json | undefined> {
  if (!(response.headers.get('content-type') ?? '').includes('json')) return undefined
  try {
    const body: unknown = await response.clone().json()
    return isObject(body) ? body : undefined
  } catch {
    return undefined
  }
}

function kept({ headers }: Response): Record<string, string> {
  const after = headers.get('retry-after')
  return after === null ? {} : { 'retry-after': after }
}
