import type { Secret } from '../../model/index.ts'
import { catalog, type KnownClient, type KnownDocument } from './catalog.ts'
import { isExclusive, isLoopback, sameRedirect } from './redirects.ts'

/** An MCP client as the configuration names it (`clients`). */
export interface ClientEntry {
  readonly name: string
  readonly id?: string
  readonly cimd?: string
  readonly redirects: readonly string[]
  readonly secret?: Secret
  readonly jwks?: { readonly keys: readonly object[] } | string
  readonly grants: readonly string[]
  readonly servers?: readonly string[]
}

/** A name that somebody vouches for: whoever runs this, or the catalogue. */
export interface Vouched {
  readonly name: string
  readonly title: string
  readonly servers?: readonly string[]
}

/** By what clients that register themselves are known. The configuration goes before the catalogue. */
export interface Known {
  /** Whose metadata document this is. */
  byDocument(id: string): Vouched | undefined
  /** Who receives there, where nobody else can. */
  byRedirect(redirect: string): Vouched | undefined
  /** Is this one of those with which a client may register where registration is `known`? */
  knows(redirect: string): boolean
  /** What the catalogue has of a document that cannot be fetched. */
  copyOf(id: string): KnownDocument | undefined
}

interface Entry extends Vouched {
  readonly documents: readonly string[]
  readonly redirects: readonly string[]
}

export function createKnown(configured: readonly ClientEntry[], withCatalog: boolean): Known {
  const listed: readonly KnownClient[] = withCatalog ? catalog : []
  const entries: readonly Entry[] = [
    ...configured.map(entryOf),
    ...listed.map(({ documents, ...it }) => ({ ...it, documents: documents.map(({ id }) => id) })),
  ]
  const having = (matches: (entry: Entry) => boolean): Vouched | undefined => {
    const found = entries.find(matches)
    if (found === undefined) return undefined
    const { name, title, servers } = found
    return servers === undefined ? { name, title } : { name, title, servers }
  }
  return {
    byDocument: (id) => having(({ documents }) => documents.includes(id)),
    byRedirect: (redirect) =>
      isExclusive(redirect)
        ? having(({ redirects }) => redirects.some((it) => covers(it, redirect)))
        : undefined,
    // A loopback answer stays on the machine of the person who agrees.
    knows: (redirect) =>
      (withCatalog && isLoopback(redirect)) ||
      entries.some(({ redirects }) => redirects.some((it) => covers(it, redirect))),
    copyOf: (id) => listed.flatMap(({ documents }) => documents).find((it) => it.id === id),
  }
}

/** The redirect URIs of a client that is registered here are its own alone: others may not register with them by that. */
function entryOf({ name, id, cimd, redirects, servers }: ClientEntry): Entry {
  return {
    name,
    title: name,
    ...(servers === undefined ? {} : { servers }),
    documents: cimd === undefined ? [] : [cimd],
    redirects: id === undefined ? redirects : [],
  }
}

function covers(known: string, redirect: string): boolean {
  if (!known.endsWith('/*')) return sameRedirect(known, redirect)
  const base = known.slice(0, -1)
  return redirect.startsWith(base) && /^[\w-]{1,128}$/.test(redirect.slice(base.length))
}
