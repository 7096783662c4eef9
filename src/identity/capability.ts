import { createHash, timingSafeEqual } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { SallyportError, Secret } from '../model/index.ts'

/** Proof of a shared secret without keeping it: its SHA-256, compared in constant time. */
export interface Proof {
  matches(presented: string): boolean
}

/** Digests have one length, so neither length nor a common prefix shows in the time that a comparison takes. */
export function proofOf(secret: Secret): Proof {
  const digest = sha256(secret.reveal())
  return { matches: (presented) => timingSafeEqual(sha256(presented), digest) }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Whom a capability file is for, and who may read it. */
export type CapabilityKind = 'server' | 'admin'

/** The prefix makes a leaked one findable. A server's is read by its group, so that the pod's containers share it. */
const kinds = {
  server: { prefix: 'sp_cap_', mode: 0o440 },
  admin: { prefix: 'sp_adm_', mode: 0o600 },
} as const satisfies Record<CapabilityKind, { readonly prefix: string; readonly mode: number }>

export interface CapabilityDeps {
  readonly random: (bytes: number) => Uint8Array
}

/**
 * Write a fresh capability of 256 bits and keep only the proof of it. A reader finds the former file or the new one
 * whole, never a part, and never one that others may read for a moment. Made at each start: the former one stops
 * working. @throws state_unavailable
 */
export async function writeCapability(
  path: string,
  kind: CapabilityKind,
  deps: CapabilityDeps,
): Promise<Proof> {
  const { prefix, mode } = kinds[kind]
  const value = new Secret(
    `${prefix}${Buffer.from(deps.random(32)).toString('base64url')}`,
    `${kind} capability`,
  )
  const draft = `${path}.${Buffer.from(deps.random(6)).toString('hex')}`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(`${value.reveal()}\n`)
      await file.chmod(mode)
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw new SallyportError(
      'state_unavailable',
      { remedy: `the capability file ${path} cannot be written` },
      error,
    )
  }
  return proofOf(value)
}
