/** People sign in at their company's provider and come back to an unmodified client. `npm run test:sign-in` has every other way. */
import { describe, it } from 'vitest'
import { type CompanyName, isHere } from './sign-in/companies.ts'
import { signsInAndCalls } from './sign-in/scene.ts'

describe('the SDK’s client', () => {
  it.for<CompanyName>(['Keycloak', 'Entra'])(
    'v1 signs in through %s and calls a tool',
    async (name, context) => {
      context.skip(!isHere(name))
      await signsInAndCalls(context, 'v1', name)
    },
  )
})
