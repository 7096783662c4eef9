/** The official clients sign in with nothing but the address of the server, through each identity provider. */
import { describe, it } from 'vitest'
import type { ClientVersion } from '../../kit/sdk-clients.ts'
import { type CompanyName, isHere } from './companies.ts'
import { signsInAndCalls } from './scene.ts'

/** Besides those of ../sign-in.test.ts, which `npm test` runs as well. */
const pairs: readonly (readonly [ClientVersion, CompanyName])[] = [
  ['v1', 'Okta'],
  ['v1', 'the built-in sign-in'],
  ['v2', 'Keycloak'],
  ['v2', 'Entra'],
  ['v2', 'Okta'],
  ['v2', 'the built-in sign-in'],
]

describe('the SDK’s client', () => {
  it.for(pairs)('%s signs in through %s and calls a tool', async ([version, name], context) => {
    context.skip(!isHere(name))
    await signsInAndCalls(context, version, name)
  })
})
