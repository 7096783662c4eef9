import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Cidr = [Address, number]

/** Which addresses may be dialled. Pure: compiled once from the configuration. */
export interface Guard {
  /**
   * May this resolved address be dialled? `loopback` says that the configured host is itself loopback, `publicOnly`
   * that nobody configured the host (it was found by discovery). Text that is no address is refused.
   */
  permits(address: string, terms: { readonly loopback: boolean; readonly publicOnly: boolean }): boolean
}

/** Addresses that hand out a machine's identity, whatever range they lie in. */
const metadata = [
  '169.254.169.254/32',
  '169.254.170.0/24',
  'fd00:ec2::/32',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
]

const ordinary = new Set(['unicast', 'private', 'uniqueLocal', 'carrierGradeNat'])

/**
 * Judges what a name resolved to. `deny` wins over everything, `allow` over the built-in ranges.
 * @throws TypeError on text that is no CIDR block
 */
export function createGuard(rules: {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}): Guard {
  const allow = rules.allow.map(parseCidr)
  const deny = rules.deny.map(parseCidr)
  const identity = metadata.map(parseCidr)
  return {
    permits: (text, { loopback, publicOnly }) => {
      const faces = facesOf(text)
      if (faces.length === 0) return false
      if (faces.some((face) => within(face, deny))) return false
      if (faces.some((face) => within(face, allow))) return true
      if (faces.some((face) => within(face, identity))) return false
      return faces.every((face) => {
        const range = rangeOf(face)
        if (range === 'loopback') return loopback
        return publicOnly ? range === 'unicast' : ordinary.has(range)
      })
    },
  }
}

/** Loopback by its own text: an address or `localhost`, never by what a name resolves to. */
export function isLoopbackHost(host: string): boolean {
  return (
    host === 'localhost' ||
    host === '::1' ||
    host === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
  )
}

/** The address itself and the IPv4 address that it leads to, where it is a form that carries one. */
function facesOf(text: string): Address[] {
  if (text.includes('%') || !ipaddr.isValid(text)) return []
  const address = ipaddr.parse(text)
  if (address instanceof ipaddr.IPv4) return [address]
  const inner = embedded(address)
  // A mapped address is the IPv4 address; the other forms are a way to it, so both are judged.
  return inner === undefined ? [address] : address.isIPv4MappedAddress() ? [inner] : [address, inner]
}

/** IPv4 inside IPv6: RFC 4291 §2.5.5, RFC 6052 §2.2, RFC 3056 §2, RFC 4380 §4, RFC 5214 §6.1, RFC 6145 §2.2. */
function embedded(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const parts = address.parts
  const at = (index: number, flip = 0) => {
    const high = (parts[index] ?? 0) ^ flip
    const low = (parts[index + 1] ?? 0) ^ flip
    return new ipaddr.IPv4([high >> 8, high & 255, low >> 8, low & 255])
  }
  switch (address.range()) {
    case 'ipv4Mapped':
    case 'rfc6145':
    case 'rfc6052':
      return at(6)
    case '6to4':
      return at(1)
    case 'teredo':
      return at(6, 0xffff)
    case 'unspecified':
    case 'loopback':
      return undefined
    default:
      if (parts.slice(0, 6).every((part) => part === 0)) return at(6)
      return ((parts[4] ?? 0) & 0xfdff) === 0 && parts[5] === 0x5efe ? at(6) : undefined
  }
}

const carriers = new Set(['rfc6145', 'rfc6052', '6to4', 'teredo'])

/** The range by name; a form that carries IPv4 is as ordinary as what it carries, except where that is not known. */
function rangeOf(address: Address): string {
  const range = address.range()
  if (!(address instanceof ipaddr.IPv6)) return range
  // RFC 8215 leaves open where in its prefix the IPv4 address stands, so it cannot be judged.
  if (range === 'rfc6052' && address.parts[2] === 1) return 'reserved'
  return carriers.has(range) ? 'unicast' : range
}

function within(address: Address, blocks: readonly Cidr[]): boolean {
  return blocks.some(([net, bits]) =>
    address instanceof ipaddr.IPv4
      ? net instanceof ipaddr.IPv4 && address.match(net, bits)
      : net instanceof ipaddr.IPv6 && address.match(net, bits),
  )
}

function parseCidr(text: string): Cidr {
  const [net, bits] = ipaddr.parseCIDR(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`)
  return [net, bits]
}
