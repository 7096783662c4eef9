/** The steps of a JSON Pointer (RFC 6901), unescaped. */
export type Pointer = readonly string[]

/** A part of a request that a use can name (design §5). */
export type Part =
  | { readonly kind: 'path' | 'query'; readonly name: string }
  | { readonly kind: 'body'; readonly pointer: Pointer }

const dotted = /^(path|query|body)\.(.+)$/s

/** `path.id`, `query.page`, `body.amount` or `body/lines/0/price`; or why it is none (a text for the configuration's errors). */
export function parsePart(text: string): Part | string {
  if (text.startsWith('body/')) {
    const pointer = parsePointer(text.slice('body'.length))
    return typeof pointer === 'string' ? pointer : { kind: 'body', pointer }
  }
  const [, kind, name] = dotted.exec(text) ?? []
  if (name === undefined) return 'this names no part of a request'
  return kind === 'body' ? { kind, pointer: [name] } : { kind: kind as 'path' | 'query', name }
}

/** Where a value stands in the parameters of a call: the name of one, or a JSON Pointer; or why it is neither. */
export function parseParameter(text: string): Pointer | string {
  if (text === '') return 'this names no parameter'
  return text.startsWith('/') ? parsePointer(text) : [text]
}

function parsePointer(text: string): Pointer | string {
  if (/~(?![01])/.test(text)) return 'in a JSON Pointer ~ is written ~0, and / is written ~1'
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** One text for each part, however it was written: `body.amount` is `body/amount`. */
export function partKey(part: Part): string {
  if (part.kind !== 'body') return `${part.kind}.${part.name}`
  return `body${part.pointer.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`
}
