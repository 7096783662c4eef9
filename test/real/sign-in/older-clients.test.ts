/** Clients that know nothing of resource metadata, as those of 2025-03-26: they ask the server's origin. */
import { expect, it } from 'vitest'
import type { ClientVersion } from '../../kit/sdk-clients.ts'
import { flowDone, startScene } from './scene.ts'

/** Neither the metadata nor the header that points at it. */
const blind: typeof fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input)
  if (url.includes('/.well-known/oauth-protected-resource')) return new Response(null, { status: 404 })
  const response = await fetch(input, init)
  if (response.status !== 401) return response
  const headers = new Headers(response.headers)
  headers.delete('www-authenticate')
  return new Response(response.body, { status: 401, headers })
}

it.for<ClientVersion>(['v1', 'v2'])(
  'signs in at the origin of the server, SDK %s',
  async (version, context) => {
    const scene = await startScene('Entra')
    const client = await scene.signIn(version, { fetch: blind })
    expect(client.kept.visits[0]!.searchParams.has('resource')).toBe(false)
    expect((await client.call('read_order', {})).text).toMatch(/^200 /)
    flowDone(context, `without resource metadata, SDK ${version}, Entra`)
  },
)
