import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Secret } from '../model/index.ts'

/** Closes texts so that only this process opens them, and tells nobody what is in them. */
export interface Seal {
  close(text: string): string
  /** Undefined for whatever was not closed here. */
  open(sealed: string): string | undefined
}

const prefix = 'sallyport.1.'
const nonceBytes = 12
const tagBytes = 16

/** Whether a text claims to be one of these; what is not is somebody else's. */
export const isSealed = (text: unknown): text is string => typeof text === 'string' && text.startsWith(prefix)

/** AES-256-GCM (NIST SP 800-38D) with a random nonce. */
export function createSeal(key: Secret<Uint8Array>, random: (bytes: number) => Uint8Array): Seal {
  const bytes = key.reveal()
  return {
    close(text) {
      const nonce = random(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', bytes, nonce)
      cipher.setAAD(Buffer.from(prefix))
      const closed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return prefix + closed.toString('base64url')
    },
    open(sealed) {
      const closed = Buffer.from(sealed.slice(prefix.length), 'base64url')
      if (!isSealed(sealed) || closed.length < nonceBytes + tagBytes) return undefined
      const cipher = createDecipheriv('aes-256-gcm', bytes, closed.subarray(0, nonceBytes))
      cipher.setAAD(Buffer.from(prefix))
      cipher.setAuthTag(closed.subarray(closed.length - tagBytes))
      try {
        const text = cipher.update(closed.subarray(nonceBytes, closed.length - tagBytes))
        return Buffer.concat([text, cipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}
