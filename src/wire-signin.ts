/** Sign-in among the other rooms: what it is made of, and what it asks them. */
import type { Audit } from './audit/index.ts'
import type { Config } from './config/index.ts'
import type { Dial } from './egress/index.ts'
import type { DevIssuer } from './identity/index.ts'
import type { Clock } from './model/index.ts'
import type { Policy } from './policy/index.ts'
import type { Replica } from './revocation/index.ts'
import { createSignIn, type SignInDoor } from './signin/index.ts'
import { createSeal, type Keyring, type State } from './storage/index.ts'
import type { Log } from './telemetry/index.ts'

interface SignInParts {
  readonly config: Config
  readonly keyring: Keyring
  readonly state: State
  readonly dial: Dial
  readonly replica: Replica
  readonly policy: Policy
  readonly audit: Audit
  readonly log: Log
  readonly dev: DevIssuer | undefined
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

/** Undefined where nobody can be sent on to sign in. */
export function openSignIn(parts: SignInParts): SignInDoor | undefined {
  const { config, keyring, state, dial, replica, policy, dev, random } = parts
  const { url, tenant, servers, clients, signIn } = config
  if (config.login.client === undefined && dev === undefined) return undefined
  const login = dev === undefined ? config.login : { ...config.login, ...dev.login }
  return createSignIn(
    {
      url,
      tenant,
      mode: config.login.mode,
      login,
      servers: servers.filter((it) => (it.url ?? it.stdio) !== undefined),
      clients,
      ...signIn,
    },
    {
      ...parts,
      ...dial,
      tokens: {
        issueCode: async () => Buffer.from(random(32)).toString('base64url'),
        mount: () => undefined,
      },
      seal: (purpose) => createSeal(keyring.derive(`sign-in ${purpose}`), random),
      clientSecretKey: keyring.derive('sign-in client secrets'),
      gate: replica.gate,
      signInAllowed: replica.view.coversSignIn,
      admit: policy.admit,
      tickets: state.tickets,
      consents: state.consents,
      keepLogin: async () => undefined,
      people: dev?.people ?? [],
    },
  )
}
