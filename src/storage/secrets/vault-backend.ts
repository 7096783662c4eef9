import { isDeepStrictEqual } from 'node:util'
import { SallyportError } from '../../model/index.ts'
import type { Backend, Role, Version } from './backend.ts'
import { isCount, isObject, isText, type JsonObject, pick } from './json.ts'
import { indexKeyInput, indexKeyName, kekName, outboxKeyName } from './names.ts'
import type { Said, VaultApi } from './vault-api.ts'
import type { VaultAnswer } from './vault-client.ts'
import { missing, says, unavailable } from './vault-errors.ts'

type Mounts = { readonly kv: string; readonly transit: string }
type Apis = Readonly<Record<Role, VaultApi>>

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')

const noRoute = (answer: VaultAnswer): boolean =>
  answer.status === 404 && says(answer, /no handler for route/i)

const noKv = (): SallyportError => missing('vault.mounts.kv', 'there is no KV version 2 mount of this name')

function versionOf(answer: VaultAnswer): Version | undefined {
  if (noRoute(answer)) throw noKv()
  if (answer.status !== 200 && answer.status !== 404) throw unavailable(answer)
  const version = pick(answer.body, 'data', 'metadata', 'version')
  // A version that another hand deleted answers 404 and its number.
  if (!isCount(version)) {
    if (answer.status === 404) return undefined
    throw noKv()
  }
  const value = pick(answer.body, 'data', 'data')
  return isObject(value) ? { version, value } : { version }
}

/** Those below `version` that still have content; destroying them is final, unlike deleting. */
async function destroyOlder(keeper: VaultApi, kv: string, path: string, version: number): Promise<void> {
  const answer = await keeper.request({ method: 'GET', path: `/${kv}/metadata/${path}` })
  const versions = pick(answer.body, 'data', 'versions')
  if (answer.status !== 200 || !isObject(versions)) throw unavailable(answer)
  const older = Object.keys(versions)
    .map(Number)
    .filter((n) => n < version && pick(versions, String(n), 'destroyed') !== true)
  if (older.length === 0) return
  const body = { versions: older }
  const done = await keeper.request({ method: 'PUT', path: `/${kv}/destroy/${path}`, body })
  if (done.status !== 200) throw unavailable(done)
}

/** KV version 2: every write with `cas`, nothing deleted, old versions destroyed. */
export function kvStore(apis: Apis, { kv }: Mounts): Pick<Backend, 'read' | 'writeCas' | 'destroyOlder'> {
  const read = async (role: Role, path: string): Promise<Version | undefined> =>
    versionOf(await apis[role].request({ method: 'GET', path: `/${kv}/data/${path}` }))

  return {
    read,
    async writeCas(role, path, value, expected) {
      const body = { data: value, options: { cas: expected } }
      const answer = await apis[role].request({ method: 'POST', path: `/${kv}/data/${path}`, body })
      if (noRoute(answer)) throw noKv()
      if (answer.status === 400 && says(answer, /check-and-set parameter did not match/i)) {
        // A write whose answer was lost comes back as a conflict with itself.
        const stored = answer.uncertain ? await read(role, path) : undefined
        const mine = stored?.version === expected + 1 && isDeepStrictEqual(stored.value, value)
        if (mine) return expected + 1
        throw new SallyportError('secrets_conflict')
      }
      const version = pick(answer.body, 'data', 'version')
      if (answer.status !== 200 || !isCount(version)) throw unavailable(answer)
      return version
    },
    destroyOlder: (path, version) => destroyOlder(apis.keeper, kv, path, version),
  }
}

/** Transit: wraps data keys, gives index keys, seals the outbox. Names are keys of deploy/openbao/setup.mjs. */
export function transitKeys(
  apis: Apis,
  mounts: Mounts,
): Pick<Backend, 'wrap' | 'unwrap' | 'indexKey' | 'seal' | 'unseal'> {
  const { transit } = mounts

  async function ask(role: Role, path: string, body: JsonObject): Promise<Said> {
    const answer = await apis[role].request({ method: 'POST', path: `/${transit}/${path}`, body })
    if (noRoute(answer)) throw missing('vault.mounts.transit', 'there is no transit mount of this name')
    if (says(answer, /key not found/i)) throw missing('vault.mounts.transit', 'a transit key is missing')
    return answer
  }

  async function encrypt(role: Role, name: string, bytes: Uint8Array, aad: string): Promise<string> {
    const body = { plaintext: base64(bytes), associated_data: base64(Buffer.from(aad)) }
    const answer = await ask(role, `encrypt/${name}`, body)
    const text = pick(answer.body, 'data', 'ciphertext')
    if (answer.status !== 200 || !isText(text)) throw unavailable(answer)
    return text
  }

  async function decrypt(role: Role, name: string, ciphertext: string, aad: string): Promise<Buffer> {
    const body = { ciphertext, associated_data: base64(Buffer.from(aad)) }
    const answer = await ask(role, `decrypt/${name}`, body)
    if (answer.status === 400) throw new SallyportError('secrets_corrupt')
    const text = pick(answer.body, 'data', 'plaintext')
    if (answer.status !== 200 || !isText(text)) throw unavailable(answer)
    return Buffer.from(text, 'base64')
  }

  return {
    wrap: (at, key, aad) => encrypt('connecting', kekName(at), key, aad),
    unwrap: (at, wrapped, aad) => decrypt('runtime', kekName(at), wrapped, aad),
    seal: (tenant, plaintext, aad) => encrypt('runtime', outboxKeyName(tenant), plaintext, aad),
    unseal: (tenant, ciphertext, aad) => decrypt('keeper', outboxKeyName(tenant), ciphertext, aad),
    async indexKey(at) {
      // The first version, whatever rotation does: another key would lead to other names.
      const body = { input: base64(Buffer.from(indexKeyInput(at))), key_version: 1 }
      const answer = await ask('runtime', `hmac/${indexKeyName(at)}/sha2-256`, body)
      const text = pick(answer.body, 'data', 'hmac')
      if (answer.status !== 200 || !isText(text)) throw unavailable(answer)
      const key = Buffer.from(text.slice(text.lastIndexOf(':') + 1), 'base64')
      if (key.length !== 32) throw unavailable(answer)
      return key
    },
  }
}
