/** Linked accounts among the other rooms: what they are made of, and what they ask them. */
import type { Config } from './config/index.ts'
import type { Dial } from './egress/index.ts'
import type { Introduction } from './exchange/index.ts'
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
