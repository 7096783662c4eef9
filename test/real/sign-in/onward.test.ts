/** What a tool calls downstream is called in the person's name, with a token of Keycloak's for that API alone. */
import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { isHere } from './companies.ts'
import { flowDone, startScene } from './scene.ts'

describe.skipIf(!isHere('Keycloak'))('a sign-in through Keycloak', () => {
  it('is exchanged for the API that the tool calls', async (context) => {
    const scene = await startScene('Keycloak', { exchange: true })
    const client = await scene.signIn('v1')
    const { sub } = decodeJwt(client.kept.tokens!.access_token)
    expect((await client.call('read_order', {})).text).toBe(
      `200 ${JSON.stringify({ sub, aud: 'orders-api' })}`,
    )
    flowDone(context, 'a call downstream in the person’s name, Keycloak')
  })
})
