/** What the provider gave for a sign-in goes on serving it, until the provider does not know the person any more. */
import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { parts } from '../../kit/parts.ts'
import type { SignedIn } from '../../kit/sdk-clients.ts'
import { type CompanyName, isHere } from './companies.ts'
import { flowDone, type Scene, startScene } from './scene.ts'

const companies: readonly CompanyName[] = ['Keycloak', 'Entra', 'Okta']

/** The client's own refresh, as it stands on the wire. */
async function refresh({ url }: Scene, { kept }: SignedIn): Promise<{ status: number; body: any }> {
  const { refresh_token = '', access_token } = kept.tokens!
  const client_id = String(decodeJwt(access_token)['client_id'])
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id })
  const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body })
  return { status: answer.status, body: await answer.json() }
}

const callTool = async (client: SignedIn) => (await client.call('read_order', {})).text

describe('a person who was locked out at the provider', () => {
  it.for(companies)('loses the session at the next refresh, %s', async (name, context) => {
    context.skip(!isHere(name))
    const scene = await startScene(name)
    const client = await scene.signIn('v1')
    await scene.company.disable(scene.company.alice)
    const { status, body } = await refresh(scene, client)
    expect([status, body.error, body.code]).toEqual([400, 'invalid_grant', 'subject_expired'])
    await expect(callTool(client)).rejects.toThrow()
    const { body: listed } = await scene.running.admin('GET', '/v1/sessions')
    expect(listed).toEqual({ sessions: [] })
    flowDone(context, `locked out, ${name}`)
  })
})

describe.skipIf(parts().keycloak === undefined)('the token of the login client', () => {
  it('is exchanged at Keycloak for that of a downstream, also after a refresh', async (context) => {
    const scene = await startScene('Keycloak', { exchange: true })
    const client = await scene.signIn('v1')
    expect(await callTool(client)).toMatch(/^200 .*orders-api/)
    expect((await refresh(scene, client)).status).toBe(200)
    // The exchanged credential is forgotten, so that the next call asks for another with the refreshed login.
    const { exchange } = scene.running.instance
    const { tenant } = scene.running.instance.config
    exchange.bar({ kind: 'downstream', tenant, downstream: 'orders' })
    expect(await callTool(client)).toMatch(/^200 .*orders-api/)
    flowDone(context, 'exchange after a sign-in, Keycloak')
  })
})
