import { describe, expect, it } from 'vitest'
import { createGuard, isLoopbackHost } from '../../src/egress/guard.ts'

const none = { allow: [], deny: [] }
const plain = { loopback: false, publicOnly: false }

describe('addresses', () => {
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '169.254.1.1',
    '169.254.169.254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    '192.0.2.1',
    '::',
    '::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::127.0.0.1',
    '::169.254.169.254',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:a9fe:a9fe::1',
    '2001:0:4136:e378:8000:63bf:80ff:fffe',
    '2001:db8::1',
    '2001:470::5efe:7f00:1',
    'fd12::200:5efe:a9fe:a9fe',
    'fe80::1%eth0',
    '100::1',
    'orders.example',
    '',
    '127.1',
    '2130706433',
  ])('are refused: %s', (address) => {
    expect(createGuard(none).permits(address, plain)).toBe(false)
  })

  it.each([
    '93.184.216.34',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '2606:4700::1',
    'fd12:3456::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
  ])('are dialled for a configured origin: %s', (address) => {
    expect(createGuard(none).permits(address, plain)).toBe(true)
  })

  it.each(['10.1.2.3', 'fd12:3456::1', '100.64.0.1', '::ffff:192.168.0.1'])(
    'that are private are refused for an origin found by discovery: %s',
    (address) => {
      expect(createGuard(none).permits(address, { loopback: false, publicOnly: true })).toBe(false)
    },
  )

  it('of loopback are dialled only where the configured host is loopback itself', () => {
    const guard = createGuard(none)
    expect(guard.permits('127.0.0.1', { loopback: true, publicOnly: false })).toBe(true)
    expect(guard.permits('::1', { loopback: true, publicOnly: false })).toBe(true)
    expect(guard.permits('169.254.169.254', { loopback: true, publicOnly: false })).toBe(false)
  })

  it('follow network.allow and, before it, network.deny, in every form', () => {
    const guard = createGuard({
      allow: ['169.254.169.254/32', '127.0.0.0/8'],
      deny: ['10.0.0.0/8', '127.0.0.9', 'fd00::/8'],
    })
    expect(guard.permits('169.254.169.254', plain)).toBe(true)
    expect(guard.permits('127.0.0.1', plain)).toBe(true)
    expect(guard.permits('127.0.0.9', plain)).toBe(false)
    expect(guard.permits('10.0.0.1', plain)).toBe(false)
    expect(guard.permits('::ffff:10.0.0.1', plain)).toBe(false)
    expect(guard.permits('64:ff9b::a00:1', plain)).toBe(false)
    expect(guard.permits('fd12::1', plain)).toBe(false)
  })

  it('fail at once on a rule that is no block', () => {
    expect(() => createGuard({ allow: ['10.0.0.0/33'], deny: [] })).toThrow()
    expect(() => createGuard({ allow: [], deny: ['somewhere'] })).toThrow()
  })
})

describe('a loopback host', () => {
  it('is one by its own text', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]'])
      expect(isLoopbackHost(host)).toBe(true)
    for (const host of [
      'localhost.',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '[::ffff:7f00:1]',
      '0.0.0.0',
    ]) {
      expect(isLoopbackHost(host)).toBe(false)
    }
  })
})
