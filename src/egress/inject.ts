import type { Credential } from '../model/index.ts'
import { comparableName } from './strip.ts'

/**
 * The outgoing headers with the credential in its place. Whatever the caller sent under that name, in any spelling,
 * is gone: the credential stands there once and is never merged. The secret leaves its wrapper here and goes to the
 * socket that `send` dials.
 */
export function inject(head: readonly string[], credential: Credential): string[] {
  const { placement, secret } = credential
  const name = placement.kind === 'bearer' ? 'authorization' : placement.name.toLowerCase()
  const value =
    placement.kind === 'bearer' ? `Bearer ${secret.reveal()}` : `${placement.prefix ?? ''}${secret.reveal()}`
  const taken = comparableName(name)
  const headers: string[] = []
  for (let index = 0; index < head.length; index += 2) {
    const own = head[index] ?? ''
    if (comparableName(own) !== taken) headers.push(own, head[index + 1] ?? '')
  }
  headers.push(name, value)
  return headers
}
