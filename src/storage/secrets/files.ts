import { access, chmod, mkdir } from 'node:fs/promises'
import { constants } from 'node:fs'
import { type Clock, SallyportError } from '../../model/index.ts'
import type { Backend } from './backend.ts'
import { decrypt, encrypt, type RandomBytes, type Sealed } from './envelope.ts'
import { type FileKeys, openFileKeys, type StoreKey } from './file-keys.ts'
import { createFileVersions, type FileVersions } from './file-versions.ts'
import { grantsOver } from './grants.ts'
import { isText, type JsonObject, parseObject } from './json.ts'
import { indexKeyName, kekName, outboxKeyName } from './names.ts'
import type { Secrets } from './secrets.ts'

export interface FileDeps {
  readonly clock: Clock
  readonly random: RandomBytes
}

/** Accepted by no reader, yet an entry: a revocation can still put its tombstone over it. */
const damaged: JsonObject = {}

/** Three parts of base64url, which has no dots. */
const pack = ({ iv, ct, tag }: Sealed): string => `${iv}.${ct}.${tag}`

function unpack(text: string): Sealed | undefined {
  const [iv, ct, tag, ...rest] = text.split('.')
  return isText(iv) && isText(ct) && isText(tag) && rest.length === 0 ? { iv, ct, tag } : undefined
}

/** Whatever a Vault's barrier would hide is encrypted here too: a file shows its path and nothing of its content. */
function entries(
  versions: FileVersions,
  keys: FileKeys,
  random: RandomBytes,
): Pick<Backend, 'read' | 'writeCas' | 'destroyOlder'> {
  const key = keys.derive('entries')
  const aad = (path: string, version: number): string => `sp1|file|${path}|${version}`
  return {
    async read(_role, path) {
      const found = await versions.newest(path)
      if (found === undefined) return undefined
      const { version, bytes } = found
      const sealed = unpack(bytes.toString('latin1'))
      const plain = sealed === undefined ? undefined : decrypt(key, sealed, aad(path, version))
      const value = plain === undefined ? undefined : parseObject(plain.toString())
      plain?.fill(0)
      return { version, value: value ?? damaged }
    },
    async writeCas(_role, path, value, expected) {
      const plain = Buffer.from(JSON.stringify(value))
      const sealed = encrypt(key, plain, aad(path, expected + 1), random)
      plain.fill(0)
      return versions.add(path, expected, Buffer.from(pack(sealed), 'latin1'))
    },
    destroyOlder: (path, version) => versions.removeBelow(path, version),
  }
}

/** The keys that Transit would keep, derived from the store's own. */
function groupKeys(
  keys: FileKeys,
  random: RandomBytes,
): Pick<Backend, 'wrap' | 'unwrap' | 'indexKey' | 'seal' | 'unseal'> {
  const encryptBy = (purpose: string, bytes: Uint8Array, aad: string): string => {
    const key = keys.derive(purpose)
    try {
      return pack(encrypt(key, bytes, aad, random))
    } finally {
      key.fill(0)
    }
  }
  const decryptBy = (purpose: string, text: string, aad: string): Buffer => {
    const key = keys.derive(purpose)
    const sealed = unpack(text)
    const plain = sealed === undefined ? undefined : decrypt(key, sealed, aad)
    key.fill(0)
    if (plain === undefined) throw new SallyportError('secrets_corrupt')
    return plain
  }
  return {
    wrap: async (at, key, aad) => encryptBy(kekName(at), key, aad),
    unwrap: async (at, wrapped, aad) => decryptBy(kekName(at), wrapped, aad),
    indexKey: async (at) => keys.derive(indexKeyName(at)),
    seal: async (tenant, plaintext, aad) => encryptBy(outboxKeyName(tenant), plaintext, aad),
    unseal: async (tenant, text, aad) => decryptBy(outboxKeyName(tenant), text, aad),
  }
}

async function usable(dir: string): Promise<void> {
  try {
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new SallyportError(
      'secrets_unavailable',
      {
        field: 'data',
        remedy: 'the folder of the secrets cannot be read or written: look at its disk and owner',
      },
      error,
    )
  }
}

/**
 * Grants in encrypted files: the store of the single form. Everything in a file is encrypted under keys derived from
 * `key`; names are keyed hashes. Each write is on the disk when it returns, and a crash leaves the old version or
 * the new one. Files are 0600 in folders 0700.
 * @throws config_invalid where the key is not the store's
 */
export async function openFileSecrets(
  input: { readonly dir: string; readonly key: StoreKey },
  deps: FileDeps,
): Promise<Secrets> {
  const { dir } = input
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
  const keys = await openFileKeys(dir, input.key, deps.random)
  const versions = createFileVersions(dir, deps.random)
  await versions.sweep()
  const backend: Backend = {
    ...entries(versions, keys, deps.random),
    ...groupKeys(keys, deps.random),
    check: () => usable(dir),
    health: () =>
      usable(dir).then(
        () => 'up',
        () => 'down',
      ),
    close: async () => keys.close(),
  }
  return grantsOver(backend, deps)
}
