import { hash } from 'node:crypto'

/** Remembers the texts that this process signed, as many as it has room for. */
export interface SignedHere {
  add(signed: string, signature: Buffer): void
  /** `true` means that exactly this signature was made here over exactly this text. `false` means nothing. */
  has(signed: string, signature: Buffer): boolean
}

const digestWords = 8
/** A digest has its place in one set of so many, where the oldest makes way. */
const ways = 8

/**
 * SHA-256 digests in one flat array: a token is known again in the time of one hash, an EdDSA verification takes ten
 * times as long, and a map of as many texts would be the collector's largest task. Whole digests are compared, so what
 * is found here is as good as verified. `capacity` is a power of two; at 32 bytes each.
 */
export function rememberSigned(capacity = 65_536): SignedHere {
  const sets = capacity / ways
  const digests = new Int32Array(capacity * digestWords)
  const next = new Uint8Array(sets)
  const setOf = (digest: Int32Array) => (digest[0] ?? 0) & (sets - 1)
  const placeOf = (set: number, way: number) => (set * ways + way) * digestWords
  const equals = (digest: Int32Array, place: number) => {
    for (let word = 0; word < digestWords; word++) if (digests[place + word] !== digest[word]) return false
    return true
  }
  return {
    add(signed, signature) {
      const digest = digestOf(signed, signature)
      const set = setOf(digest)
      const way = next[set] ?? 0
      digests.set(digest, placeOf(set, way))
      next[set] = (way + 1) % ways
    },
    has(signed, signature) {
      const digest = digestOf(signed, signature)
      const set = setOf(digest)
      for (let way = 0; way < ways; way++) if (equals(digest, placeOf(set, way))) return true
      return false
    },
  }
}

/** Of both parts as one: the text has no blank, so no other pair gives the same. */
function digestOf(signed: string, signature: Buffer): Int32Array {
  const digest = hash('sha256', `${signed} ${signature.toString('latin1')}`, 'buffer')
  return new Int32Array(digest.buffer, digest.byteOffset, digestWords)
}
