/** Sign-in among the other rooms: what it is made of, and what it asks them. */
import type { Config } from './config/index.ts'
import { SallyportError } from './model/index.ts'
import { createSignIn, type SignInDoor } from './signin/index.ts'

interface SignInParts {
  readonly config: Config
}

/** Undefined where nobody can be sent on to sign in. */
export function openSignIn({ config }: SignInParts): SignInDoor | undefined {
  const { login, url, servers, signIn } = config
  if (login.client === undefined && !login.builtIn) return undefined
  const slice = { url, mode: login.mode, servers, ...signIn }
  const tokens = {
    issueCode: () => Promise.reject(new SallyportError('grant_type_unsupported')),
    mount: () => undefined,
  }
  return createSignIn(slice, { tokens })
}
