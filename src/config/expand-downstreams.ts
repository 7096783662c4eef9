import type { Path } from './document.ts'
import { type Expanding, present } from './expanding.ts'
import type { ExpandedDownstream, ExpandedLogin, ExpandedTarget } from './expanded.ts'
import { readOpenApi } from './openapi.ts'
import { type Catalogue, catalogue } from './operations.ts'
import type { WrittenConfig } from './schema/root.ts'

type Written = NonNullable<WrittenConfig['downstreams']>[string]
type WrittenTarget = NonNullable<Written['client-credentials']>
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
    guard: written.guard ?? 'auto',
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
  const inherited = issuer === login?.issuer ? login : undefined
  const client = written.client ?? inherited?.client
  const { audience, resource, scope = [] } = written
  return {
    ...present({ issuer, audience, resource, client: client === undefined ? undefined : present(client) }),
    insecure: written.insecure ?? inherited?.insecure ?? false,
    extra_audiences: written.extra_audiences ?? [],
    scope: typeof scope === 'string' ? scope.split(' ') : scope,
  }
}
