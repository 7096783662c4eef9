/** What a name is likely to do, by its verb. */
export type Intent = 'read' | 'create' | 'change' | 'remove'

const verbs: Readonly<Record<Intent, readonly string[]>> = {
  read: [
    'check',
    'count',
    'describe',
    'download',
    'export',
    'fetch',
    'find',
    'get',
    'list',
    'lookup',
    'query',
    'read',
    'retrieve',
    'search',
    'show',
    'view',
  ],
  create: [
    'add',
    'append',
    'create',
    'insert',
    'make',
    'new',
    'post',
    'put',
    'register',
    'send',
    'submit',
    'upload',
    'write',
  ],
  change: [
    'approve',
    'assign',
    'change',
    'close',
    'edit',
    'merge',
    'modify',
    'move',
    'patch',
    'rename',
    'replace',
    'reset',
    'set',
    'update',
  ],
  remove: [
    'archive',
    'cancel',
    'clear',
    'delete',
    'destroy',
    'drop',
    'erase',
    'purge',
    'remove',
    'revoke',
    'wipe',
  ],
}
const intents = new Map(
  Object.entries(verbs).flatMap(([intent, words]) => words.map((word) => [word, intent as Intent] as const)),
)

/** Words that say nothing of what is meant. */
const fillers = new Set([
  'a',
  'all',
  'an',
  'and',
  'api',
  'by',
  'for',
  'from',
  'in',
  'my',
  'of',
  'on',
  'one',
  'rest',
  'the',
  'to',
  'tool',
  'with',
])

const longest = 200

/** The words of `listOpenOrders`, `list_open_orders` or `/open-orders`, in lower case and singular. */
export function wordsOf(text: string): readonly string[] {
  return text
    .slice(0, longest)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !fillers.has(word) && !/^v\d+$/.test(word))
    .map(singular)
}

function singular(word: string): string {
  if (word.length < 4 || /(?:ss|us|is)$/.test(word)) return word
  return word
    .replace(/ies$/, 'y')
    .replace(/(ss|x|z|ch|sh)es$/, '$1')
    .replace(/s$/, '')
}

/** What a name says that it does, and to what. */
export interface Meaning {
  /** Absent where it has no verb, or verbs of several kinds. */
  readonly intent: Intent | undefined
  readonly nouns: readonly string[]
  readonly words: readonly string[]
}

export function meaningOf(name: string): Meaning {
  const words = wordsOf(name)
  const said = new Set(words.flatMap((word) => intents.get(word) ?? []))
  const [only, second] = said
  return {
    intent: second === undefined ? only : undefined,
    nouns: words.filter((word) => !intents.has(word)),
    words,
  }
}

/** Does a name speak of anything but reading? */
export function speaksOfEffects(name: string): boolean {
  return wordsOf(name).some((word) => {
    const intent = intents.get(word)
    return intent !== undefined && intent !== 'read'
  })
}

/** One spelling of `orderId`, `order_id` and `Order-ID`. */
export function plainName(name: string): string {
  return name
    .slice(0, longest)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
}
