import { describeProblem } from '../../src/model/index.ts'
import { ConfigErrors, type Loaded, loadBoth, type LoadOptions } from '../../src/config/index.ts'

/** Files by absolute path, besides those that every test has. */
type Files = Readonly<Record<string, string | Uint8Array>>

const file = '/etc/sallyport/sallyport.yaml'

/** What secret files hold in these tests: it may stand in no fault, expanded form or digest. */
export const canary = 'canary-7c1b9d52'

const usual: Files = {
  '/run/key': new Uint8Array(32).fill(7),
  '/run/secret': `${canary}\n`,
  '/run/other': `${canary}-other`,
}

/** The least that `single` takes, to be changed by a test. */
export const least = `url: https://crm.example
login: { issuer: https://idp.example, client: { id: sallyport, secret: file:/run/secret } }
key: file:/run/key
allow: ["group:crm-users"]
direct: [orders]
downstreams:
  orders:
    url: https://orders.example
    exchange: { audience: orders-api, scope: orders.read }
    operations:
      - { op: "GET /orders/{id}", class: read }
      - { op: POST /orders, class: write }
`

/** The same, with a use for each operation, so that there is nothing to warn of. */
export const tidy = least.replace('direct: [orders]', 'direct: [orders, orders POST /orders]')

export interface Given {
  readonly files?: Files
  readonly env?: Readonly<Record<string, string>>
  readonly form?: 'single' | 'dev'
  /** Files that everybody may read. */
  readonly worldReadable?: readonly string[]
}

function optionsFor(text: string, given: Given = {}): LoadOptions {
  const files: Files = { ...usual, ...given.files, [file]: text }
  return {
    form: given.form ?? 'single',
    env: given.env ?? {},
    random: (bytes) => new Uint8Array(bytes).fill(1),
    readFile: async (path) => {
      const found = files[path]
      if (found === undefined) throw Object.assign(new Error(`ENOENT ${path}`), { code: 'ENOENT' })
      const bytes = typeof found === 'string' ? new TextEncoder().encode(found) : found
      return { bytes, worldReadable: given.worldReadable?.includes(path) ?? false }
    },
  }
}

export function load(text: string, given: Given = {}): Promise<Loaded> {
  return loadBoth(file, optionsFor(text, given))
}

/** What is said about a broken configuration, one text per problem without the name of the file. */
export async function faults(text: string, given: Given = {}): Promise<readonly string[]> {
  try {
    await load(text, given)
    return []
  } catch (error) {
    if (error instanceof ConfigErrors)
      return error.problems.map((it) => describeProblem(it).replace(`${file}:`, ''))
    throw error
  }
}
