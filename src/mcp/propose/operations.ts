import { type KnownOperation, type RiskClass, stricter } from '../../model/index.ts'
import { pathParameters } from '../../policy/index.ts'
import { wordsOf } from './words.ts'

/** Whoever has what these give needs us no more (design §5). */
const minting = [
  'apikey',
  'certificate',
  'credential',
  'impersonate',
  'impersonation',
  'invitation',
  'invite',
  'key',
  'login',
  'oauth',
  'passkey',
  'password',
  'secret',
  'session',
  'share',
  'sharing',
  'token',
]
/** One request of these is many, or any. */
const many = ['batch', 'bulk', 'graphql', 'jsonrpc', 'rpc']
/** Money, permissions, production: what cannot be taken back by the one who did it. */
const grave = [
  'access',
  'acl',
  'admin',
  'bill',
  'billing',
  'charge',
  'collaborator',
  'deploy',
  'deployment',
  'grant',
  'invoice',
  'member',
  'membership',
  'owner',
  'pay',
  'payment',
  'payout',
  'permission',
  'policy',
  'price',
  'privilege',
  'production',
  'purchase',
  'refund',
  'release',
  'role',
  'subscription',
  'transfer',
  'webhook',
]

export interface ClassedOperation {
  readonly class: RiskClass
  readonly why: string
}

/** A class for an operation, by its method and the words of its path and name. Nothing is ever less than it came with. */
export function classOf({ method, path, name, class: given }: KnownOperation): ClassedOperation {
  const words = new Set([...literalWords(path), ...wordsOf(name ?? '')])
  const found = (list: readonly string[]) => list.find((word) => words.has(word))
  const reads = method === 'GET' || method === 'HEAD'
  const [mint, multiple, heavy] = [found(minting), found(many), found(grave)]
  if (mint !== undefined) return { class: 'never', why: `"${mint}": what gives out access is never done` }
  if (multiple !== undefined) return atLeast('never', given, `"${multiple}": one request can be many`)
  if (method === 'DELETE') return atLeast('critical', given, 'DELETE cannot be undone')
  if (!reads && heavy !== undefined) return atLeast('critical', given, `"${heavy}" in its name or path`)
  return atLeast('read', given, `by its method, ${method}`)
}

function atLeast(least: RiskClass, given: RiskClass, why: string): ClassedOperation {
  return { class: stricter(least, given), why }
}

/** The words of a path, without its parameters. */
export function literalWords(path: string): readonly string[] {
  return literals(path).flatMap(wordsOf)
}

export function literals(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '' && !segment.startsWith('{'))
}

/** The parameters of a path with what stands before each: `order` before `{id}` of `/orders/{id}`. */
export function placedParameters(path: string): readonly { readonly name: string; readonly of: string }[] {
  const names = pathParameters(path)
  const segments = path.split('/')
  return names.map((name) => {
    const at = segments.findIndex((segment) => segment === `{${name}}` || segment === `{${name}...}`)
    return { name, of: wordsOf(segments[at - 1] ?? '').join('') }
  })
}
