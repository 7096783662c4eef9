import { describe, expect, it } from 'vitest'
import { answerOf, challenge, pageOf, startWorld, type Params } from '../signin/world.ts'

describe('A26 PKCE downgrade: a request without a challenge by S256', () => {
  it.each<[string, Params]>([
    ['none', { code_challenge: undefined, code_challenge_method: undefined }],
    ['a method without a challenge', { code_challenge: undefined }],
    ['a challenge without a method, which means plain', { code_challenge_method: undefined }],
    ['plain', { code_challenge_method: 'plain' }],
    ['another case', { code_challenge_method: 's256' }],
    ['another hash', { code_challenge_method: 'S512' }],
    ['an empty challenge', { code_challenge: '' }],
    ['42 characters', { code_challenge: 'x'.repeat(42) }],
    ['129 characters', { code_challenge: 'x'.repeat(129) }],
    ['characters that are none of it', { code_challenge: `${'x'.repeat(42)}+` }],
    ['a blank behind it', { code_challenge: `${challenge} ` }],
  ])('%s is refused before anybody signs in', async (_, params) => {
    const world = await startWorld()
    const answer = answerOf(await world.browser().open(world.request(await world.register(), params)))
    expect([answer.get('error'), answer.get('code')]).toEqual(['invalid_request', null])
    expect(world.idp.asked).toEqual([])
  })

  it('is refused for a client with a secret, too, and a second challenge is not looked at', async () => {
    const world = await startWorld()
    const client = await world.register({ token_endpoint_auth_method: 'client_secret_basic' })
    const answer = answerOf(await world.browser().open(world.request(client, { code_challenge: undefined })))
    expect(answer.get('error')).toBe('invalid_request')
    const twice = await world
      .browser()
      .open(world.request(client, { code_challenge_method: ['S256', 'plain'] }))
    expect(pageOf(twice).status).toBe(400)
  })

  it('is not what the metadata offers', async () => {
    const world = await startWorld()
    const document = await (await fetch(`${world.url}/.well-known/oauth-authorization-server`)).json()
    expect(document).toMatchObject({ code_challenge_methods_supported: ['S256'] })
  })
})
