/** What becomes of a sign-in: it is refreshed, it ends with the account at the provider, and after a cut it has to be made anew. */
import { setTimeout as pause } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { createBrowser } from '../../kit/walk.ts'
import { type CompanyName, isHere } from './companies.ts'
import { flowDone, redirect, type Scene, startScene } from './scene.ts'
import type { SignedIn } from '../../kit/sdk-clients.ts'

const companies: readonly CompanyName[] = ['Keycloak', 'Entra', 'Okta']

/** As if the access token had ended: the client asks for another by itself. */
function forget({ kept }: SignedIn): void {
  kept.tokens = { ...kept.tokens!, access_token: 'ended' }
}

const works = async (client: SignedIn) => (await client.call('read_order', {})).text.startsWith('200 ')

async function cut(scene: Scene, client: SignedIn): Promise<void> {
  const { sub: id } = decodeJwt(client.kept.tokens!.access_token)
  const body = { scope: { kind: 'user', id }, hold: false, cause: 'stolen laptop', wait: 'fence' }
  const answer = await scene.running.admin('POST', '/v1/revocations', body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
}

describe('a sign-in', () => {
  it.for(companies)('is refreshed by the client itself, %s', async (name, context) => {
    context.skip(!isHere(name))
    const scene = await startScene(name)
    const client = await scene.signIn('v1')
    const before = client.kept.tokens!
    forget(client)
    expect(await works(client)).toBe(true)
    expect(client.kept.tokens!.refresh_token).not.toBe(before.refresh_token)
    expect(client.kept.visits).toHaveLength(1)
    flowDone(context, `refresh, ${name}`)
  })

  it.for(companies)('ends at the next refresh when the account is locked, %s', async (name, context) => {
    context.skip(!isHere(name))
    const scene = await startScene(name)
    const client = await scene.signIn('v1')
    expect(await works(client)).toBe(true)
    await scene.company.disable(scene.company.alice)
    forget(client)
    await expect(client.call('read_order', {})).rejects.toThrow('Unauthorized')
    expect(client.kept.visits).toHaveLength(2)
    await expect(scene.signIn('v1')).rejects.toThrow()
    flowDone(context, `locked account, ${name}`)
  })

  it.for(companies)('has to be newer than a cut, in the same browser, %s', async (name, context) => {
    context.skip(!isHere(name))
    const scene = await startScene(name)
    const browser = createBrowser({ leaveAt: redirect })
    const client = await scene.signIn('v1', { browser })
    await cut(scene, client)
    await expect(client.call('read_order', {})).rejects.toThrow()
    // Times are whole seconds: a sign-in of the second of the cut may be older.
    await pause(1_100)
    const typed = browser.steps.length
    const again = await scene.signIn('v1', { browser })
    expect(await works(again)).toBe(true)
    const atProvider = browser.steps.slice(typed).filter(({ url }) => url.origin !== scene.url)
    expect(atProvider.map(({ method }) => method)).toContain('POST')
    flowDone(context, `after a cut, ${name}`)
  })
})
