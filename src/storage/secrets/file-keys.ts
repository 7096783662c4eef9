import { createHmac, hkdfSync, scrypt, timingSafeEqual } from 'node:crypto'
import { mkdir, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SallyportError, type Secret } from '../../model/index.ts'
import { keyBytes, type RandomBytes } from './envelope.ts'
import { writeVersion } from './file-write.ts'
import { isCount, isText, type JsonObject, parseObject } from './json.ts'

/** A passphrase, or 32 random bytes. */
export type StoreKey = Secret<Uint8Array> | Secret

/** Keys of one store, one per purpose, so that none serves two. */
export interface FileKeys {
  /** 32 bytes; the same for the same purpose. */
  derive(purpose: string): Buffer
  close(): void
}

/** scrypt (RFC 7914): 64 MiB and about a fifth of a second for each guess. Kept in the header, so it can grow. */
const cost = { n: 2 ** 16, r: 8, p: 1 }
const mostMemory = 512 * 1024 * 1024

interface Header {
  readonly salt: Buffer
  readonly kdf: { readonly n: number; readonly r: number; readonly p: number } | undefined
  /** HMAC under a derived key: tells a wrong key from a damaged store. */
  readonly check: Buffer
}

const headerName = 'store'
const wrong = (remedy: string): SallyportError =>
  new SallyportError('config_invalid', { field: 'key', remedy })

function readKdf(value: JsonObject): Header['kdf'] {
  const { n, r, p } = value
  if (!isCount(n) || !isCount(r) || !isCount(p) || 128 * n * r > mostMemory || p > 16) {
    throw new SallyportError('secrets_corrupt')
  }
  return { n, r, p }
}

function readHeader(text: string): Header {
  const { v, salt, kdf, check } = parseObject(text) ?? {}
  if (v !== 1 || !isText(salt) || !isText(check)) throw new SallyportError('secrets_corrupt')
  return {
    salt: Buffer.from(salt, 'base64url'),
    kdf: kdf === null ? undefined : readKdf((kdf ?? {}) as JsonObject),
    check: Buffer.from(check, 'base64url'),
  }
}

const stretch = (
  passphrase: string,
  salt: Buffer,
  { n, r, p }: NonNullable<Header['kdf']>,
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(passphrase, salt, keyBytes, { N: n, r, p, maxmem: 256 * n * r }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })

async function rootKey(key: StoreKey, { salt, kdf }: Pick<Header, 'salt' | 'kdf'>): Promise<Buffer> {
  const value = key.reveal()
  if (typeof value === 'string') {
    if (value === '') throw wrong('the passphrase is empty')
    if (kdf === undefined) throw wrong('this store was made with 32 random bytes, not with a passphrase')
    return stretch(value, salt, kdf)
  }
  if (value.length !== keyBytes) throw wrong('a key that is not a passphrase has exactly 32 bytes')
  if (kdf !== undefined) throw wrong('this store was made with a passphrase, not with 32 random bytes')
  return Buffer.from(value)
}

function keysOf(root: Buffer, salt: Buffer): FileKeys {
  let closed = false
  return {
    derive(purpose) {
      // A wiped root would still give keys, and everybody could have them.
      if (closed) throw new SallyportError('shutting_down')
      return Buffer.from(hkdfSync('sha256', root, salt, `sallyport secrets 1 ${purpose}`, keyBytes))
    },
    close() {
      closed = true
      root.fill(0)
    },
  }
}

const checkOf = (keys: FileKeys): Buffer =>
  createHmac('sha256', keys.derive('check')).update('sallyport').digest()

async function readExisting(dir: string): Promise<string | undefined> {
  try {
    return await readFile(join(dir, headerName, '1'), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** A store without its header cannot be read; making a new one would lose it for good. */
async function makeHeader(dir: string, key: StoreKey, random: RandomBytes): Promise<FileKeys> {
  const others = (await readdir(dir)).filter((name) => name !== headerName)
  if (others.length > 0) {
    throw new SallyportError('config_invalid', {
      field: 'data',
      remedy:
        'the folder of the secrets is not empty but its header is missing: restore the file store/1 in it',
    })
  }
  const salt = random(16)
  const kdf = typeof key.reveal() === 'string' ? cost : undefined
  const keys = keysOf(await rootKey(key, { salt, kdf }), salt)
  const header = {
    v: 1,
    salt: salt.toString('base64url'),
    kdf: kdf ?? null,
    check: checkOf(keys).toString('base64url'),
  }
  const place = join(dir, headerName)
  await mkdir(place, { recursive: true, mode: 0o700 })
  const won = await writeVersion(place, 1, Buffer.from(JSON.stringify(header)), random)
  const folder = await open(dir, 'r')
  await folder.sync().finally(() => folder.close())
  if (won) return keys
  keys.close()
  return openFileKeys(dir, key, random)
}

/**
 * The keys of the store in `dir`, which gets its header (salt, cost, check value) on first use.
 * @throws config_invalid where the key is not the one that the store was made with
 */
export async function openFileKeys(dir: string, key: StoreKey, random: RandomBytes): Promise<FileKeys> {
  const text = await readExisting(dir)
  if (text === undefined) return makeHeader(dir, key, random)
  const header = readHeader(text)
  const keys = keysOf(await rootKey(key, header), header.salt)
  const check = checkOf(keys)
  if (check.length === header.check.length && timingSafeEqual(check, header.check)) return keys
  keys.close()
  throw wrong('this is not the key that the stored secrets were encrypted with')
}
