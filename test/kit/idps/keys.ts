import { CompactSign, compactVerify, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose'

export interface Keys {
  published(): { readonly keys: readonly JWK[] }
  /** Claims and header members that are undefined are left out. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  /** The claims of a token that one of these keys signed; `undefined` of any other. */
  read(token: string): Promise<Record<string, unknown> | undefined>
  /** From now on a new key; the one before stays published. */
  rotate(): Promise<void>
}

export async function createKeys(): Promise<Keys> {
  const pairs: {
    readonly kid: string
    readonly privateKey: CryptoKey
    readonly jwk: JWK
    readonly publicKey: CryptoKey
  }[] = []
  async function rotate(): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
    const kid = `key-${pairs.length + 1}`
    pairs.push({
      kid,
      privateKey,
      publicKey,
      jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' },
    })
  }
  await rotate()
  return {
    rotate,
    published: () => ({ keys: pairs.map(({ jwk }) => jwk) }),
    sign(claims, header = {}) {
      const { kid, privateKey } = pairs.at(-1)!
      return new CompactSign(Buffer.from(JSON.stringify(claims)))
        .setProtectedHeader(JSON.parse(JSON.stringify({ typ: 'JWT', alg: 'RS256', kid, ...header })))
        .sign(privateKey)
    },
    async read(token) {
      for (const { publicKey } of pairs) {
        const found = await compactVerify(token, publicKey).catch(() => undefined)
        if (found !== undefined)
          return JSON.parse(Buffer.from(found.payload).toString()) as Record<string, unknown>
      }
      return undefined
    },
  }
}
