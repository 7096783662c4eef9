/** Linked accounts among the other rooms: what they are made of, and what they ask them. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type AccountsDeps, createAsks, mountAccounts, type People } from './accounts/index.ts'
import type { Audit } from './audit/index.ts'
import type { Config } from './config/index.ts'
import type { Dial } from './egress/index.ts'
import { clientDocument, clientDocumentPath, type Exchange, type Introduction } from './exchange/index.ts'
import type { Access, Clock } from './model/index.ts'
import type { Policy } from './policy/index.ts'
import type { Replica, Revocations } from './revocation/index.ts'
import { createSeal, type Keyring, type State } from './storage/index.ts'

interface IntroductionParts {
  readonly config: Pick<Config, 'url'>
  readonly state: Pick<State, 'meta'>
  readonly keyring: Keyring
  readonly dial: Pick<Dial, 'allowOrigin'>
  readonly random: (bytes: number) => Uint8Array
}

/** Who sallyport is at servers that it was not registered at; what they give it is kept sealed. */
export function introductionOf({ config, state, keyring, dial, random }: IntroductionParts): Introduction {
  const seal = createSeal(keyring.derive('oauth clients'), random)
  return {
    url: config.url,
    allowOrigin: dial.allowOrigin,
    given: {
      read: async (name) => {
        const sealed = await state.meta.get(name)
        return sealed === undefined ? undefined : seal.open(sealed)
      },
      write: (name, text) => state.meta.set(name, seal.close(text)),
    },
  }
}

interface AccountsParts {
  readonly config: Config
  readonly state: State
  readonly keyring: Keyring
  readonly policy: Policy
  readonly exchange: Exchange
  readonly revocations: Revocations
  readonly replica: Replica
  readonly audit: Audit
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

/** The pages of linked accounts, and the links that lead to them. */
export interface AccountsDoor {
  /** Where the person of this token connects to a downstream. */
  connectUrl(access: Access, downstream: string): string
  mount(app: FastifyInstance, people: People | undefined): Promise<void>
}

/** Seconds that a person who disconnects an account waits for its provider. */
const waitForProvider = 8

export function openAccounts(parts: AccountsParts): AccountsDoor {
  const { config, state, keyring, policy, revocations, replica, clock, random } = parts
  const asks = createAsks({ seal: createSeal(keyring.derive('connect links'), random), clock })
  const deps: Omit<AccountsDeps, 'people'> = {
    ...parts,
    ...state,
    url: config.url,
    tenant: config.tenant,
    servers: config.servers,
    downstream: policy.downstream,
    reachable: policy.reachable,
    titleOf: (client) => (client === 'unverified' ? undefined : client),
    asks,
    seal: createSeal(keyring.derive('connect flows'), random),
    applied: () => replica.gate.applied,
    disconnect: async (scope, by) => {
      const cause = 'its owner disconnected it'
      const order = { id: randomUUID(), scope, hold: false, cause, by, wait: 'providers' } as const
      return (await revocations.revoke({ ...order, waitSeconds: waitForProvider })).receipt
    },
  }
  return {
    connectUrl: ({ session }, downstream) => config.url + asks.pathFor(session, downstream),
    mount: async (app, people) => {
      const document = JSON.stringify(clientDocument(config.url))
      app.get(clientDocumentPath, async (_request, reply) => reply.type('application/json').send(document))
      await mountAccounts(app, { ...deps, people })
    },
  }
}
