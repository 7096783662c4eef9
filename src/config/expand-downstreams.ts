import type { Path } from './document.ts'
import type { Expanding } from './expand.ts'
import type { ExpandedDownstream, ExpandedLogin, ExpandedTarget } from './expanded.ts'
import { readOpenApi } from './openapi.ts'
import { type Catalogue, catalogue } from './operations.ts'
import type { WrittenConfig } from './schema/root.ts'

type Written = NonNullable<WrittenConfig['downstreams']>[string]
type WrittenTarget = NonNullable<Written['client-credentials']>
/** Without the members that are undefined. */
type Present<T> = { [Key in keyof T]: Exclude<T[Key], undefined> }

export interface Downstreams {
  readonly downstreams: Readonly<Record<string, ExpandedDownstream>>
  readonly catalogues: ReadonlyMap<string, Catalogue>
}

/** Write the downstreams out: operations from OpenAPI, targets with the login's issuer and client. */
export async function expandDownstreams(
  written: WrittenConfig,
  login: ExpandedLogin | undefined,
  context: Expanding,
): Promise<Downstreams> {
  const downstreams: Record<string, ExpandedDownstream> = {}
  const catalogues = new Map<string, Catalogue>()
  for (const [name, one] of Object.entries(written.downstreams ?? {})) {
    const path: Path = ['downstreams', name]
    const proposed =
      one.openapi === undefined
        ? []
        : await readOpenApi(one.openapi, context.folder, [...path, 'openapi'], context)
    const known = catalogue(one.operations ?? [], proposed, path, context.report)
    catalogues.set(name, known)
    downstreams[name] = expandOne(one, known, login)
  }
  return { downstreams, catalogues }
}

function expandOne(written: Written, known: Catalogue, login: ExpandedLogin | undefined): ExpandedDownstream {
  const { exchange, static: fixed } = written
  const ours = written['client-credentials']
  const url = written.url.replace(/\/+$/, '')
  return {
    url,
    insecure: written.insecure ?? false,
    resource: written.resource ?? url,
    operations: known.operations,
    ...(exchange === undefined
      ? {}
      : { exchange: { ...target(exchange, login), refresh: exchange.refresh ?? false } }),
    ...(ours === undefined ? {} : { 'client-credentials': target(ours, login) }),
    ...(fixed === undefined ? {} : { static: present(fixed) }),
  }
}

/** The client of the login is one of its issuer only. */
function target(written: WrittenTarget, login: ExpandedLogin | undefined): ExpandedTarget {
  const issuer = written.issuer ?? login?.issuer
  const client = written.client ?? (issuer === login?.issuer ? login?.client : undefined)
  const { scope = [] } = written
  return {
    ...(issuer === undefined ? {} : { issuer }),
    insecure: written.insecure ?? (issuer === login?.issuer && login?.insecure) ?? false,
    ...(client === undefined ? {} : { client: present(client) }),
    ...(written.audience === undefined ? {} : { audience: written.audience }),
    ...(written.resource === undefined ? {} : { resource: written.resource }),
    extra_audiences: written.extra_audiences ?? [],
    scope: typeof scope === 'string' ? scope.split(' ') : scope,
  }
}

export function present<T extends object>(members: T): Present<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
}
