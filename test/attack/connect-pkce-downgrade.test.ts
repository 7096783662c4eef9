import { expect, it } from 'vitest'
import { through } from '../accounts/world.ts'
import { keptOf, startLinking } from './linking.ts'

it.each([
  ['nothing about proofs', undefined],
  ['plain proofs alone', ['plain']],
  ['no proofs', []],
  ['proofs as a text', 'S256'],
])('A26: where the metadata say %s, nothing is begun', async (_name, methods) => {
  const it = await startLinking()
  it.as.metadata = { ...it.as.metadata, code_challenge_methods_supported: methods }
  const at = await through(it.browser(), await it.link('alice'), { as: 'alice' })
  expect(at.status).toBe(502)
  expect(it.as.count('/authorize')).toBe(0)
  expect(await keptOf(it, 'alice')).toBe(0)
})
