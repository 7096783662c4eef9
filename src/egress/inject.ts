import type { Credential } from '../model/index.ts'
import { comparableName } from './strip.ts'

/** Ask for an answer in another form than its own: what is searched has to come as it is. */
const negotiating = new Set(['accept-encoding', 'accept-charset', 'a-im'])

/**
 * The outgoing headers with the credential in its place. Whatever the caller sent under that name, in any spelling,
 * is gone: the credential stands there once and is never merged. The secret leaves its wrapper here and goes to the
 * socket that `send` dials. `plain`: the answer will be searched, so none is asked for in another coding.
 */
export function inject(head: readonly string[], credential: Credential, plain = false): string[] {
  const { placement, secret } = credential
  const name = placement.kind === 'bearer' ? 'authorization' : placement.name.toLowerCase()
  const value =
    placement.kind === 'bearer' ? `Bearer ${secret.reveal()}` : `${placement.prefix ?? ''}${secret.reveal()}`
  const taken = comparableName(name)
  const headers: string[] = []
  for (let index = 0; index < head.length; index += 2) {
    const own = head[index] ?? ''
    const comparable = comparableName(own)
    if (comparable === taken || (plain && negotiating.has(comparable))) continue
    headers.push(own, head[index + 1] ?? '')
  }
  headers.push(name, value)
  if (plain) headers.push('accept-encoding', 'identity')
  return headers
}
