import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inject } from '../../src/egress/inject.ts'
import { comparableName, mayLeave, mayReturn } from '../../src/egress/strip.ts'
import { type Placement, Secret } from '../../src/model/index.ts'

const credential = (placement: Placement) => ({
  placement,
  secret: new Secret('s3cret', 'test'),
  origin: 'https://orders.example',
  rev: 1,
  fingerprint: 'f',
})

describe('what may leave', () => {
  it.each([
    'Authorization',
    'COOKIE',
    'x_api_key',
    'X-Forwarded-Prefix',
    'x_forwarded_for',
    'Sallyport-Capability',
    'TE',
  ])('does not let %s out', (name) => expect(mayLeave(comparableName(name))).toBe(false))

  it('lets the headers of APIs out that no list can know', () => {
    for (const name of [
      'x-github-api-version',
      'idempotency-key',
      'traceparent',
      'if-match',
      'mcp-protocol-version',
    ]) {
      expect(mayLeave(name)).toBe(true)
    }
  })
})

describe('what may return', () => {
  it.each([
    'Set-Cookie',
    'WWW-Authenticate',
    'Authentication-Info',
    'Access-Control-Allow-Origin',
    'Alt-Svc',
    'Strict-Transport-Security',
    'Transfer-Encoding',
  ])('does not let %s in', (name) => expect(mayReturn(comparableName(name))).toBe(false))
})

describe('injecting', () => {
  it.each(['X-Internal-Key', 'x-internal-key', 'X_Internal_Key'])(
    'leaves nothing of what the caller sent as %s, however often',
    (name) => {
      const head = ['accept', '*/*', name, 'mine', name.toLowerCase(), 'mine too']
      expect(inject(head, credential({ kind: 'header', name: 'X-Internal-Key', prefix: 'Key ' }))).toEqual([
        'accept',
        '*/*',
        'x-internal-key',
        'Key s3cret',
      ])
    },
  )

  it('puts the credential in exactly once, whatever the caller sent', () => {
    const name = fc.constantFrom('authorization', 'Authorization', 'accept', 'x-a', 'AUTHORIZATION')
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.constant('theirs'))), (pairs) => {
        const out = inject(pairs.flat(), credential({ kind: 'bearer' }))
        const names = out.filter((_, index) => index % 2 === 0)
        expect(names.filter((it) => comparableName(it) === 'authorization')).toHaveLength(1)
        expect(out.at(-1)).toBe('Bearer s3cret')
      }),
    )
  })
})
