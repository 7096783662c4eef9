import type { Path } from './document.ts'
import { type Expanding, present } from './expanding.ts'
import type {
  ExpandedDownstream,
  ExpandedExchange,
  ExpandedInstallation,
  ExpandedLinked,
  ExpandedLogin,
  ExpandedTarget,
} from './expanded.ts'
import { providers } from '../exchange/index.ts'
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
  const { exchange, oauth, static: fixed } = written
  const ours = written['client-credentials']
  const installation = written['github-app']
  const url = (written.url ?? providerUrl(written) ?? '').replace(/\/+$/, '')
  return {
    url,
    insecure: written.insecure ?? false,
    resource: written.resource ?? url,
    operations: known.operations,
    guard: written.guard ?? 'auto',
    ...(exchange === undefined ? {} : { exchange: expandExchange(exchange, login) }),
    ...(ours === undefined ? {} : { 'client-credentials': target(ours, login) }),
    ...(fixed === undefined ? {} : { static: present(fixed) }),
    ...(oauth === undefined ? {} : { oauth: expandLinked(oauth, url) }),
    ...(installation === undefined ? {} : { 'github-app': expandInstallation(installation) }),
    ...expandProvider(written),
  }
}

function providerUrl({ provider }: Written): string | undefined {
  return provider === undefined ? undefined : providers[provider].url
}

/** The issuer is the catalogue's, unless one's own tenant or installation is named. */
function expandProvider({ provider, issuer, client, scope }: Written): Partial<ExpandedDownstream> {
  const usual = provider === undefined ? undefined : providers[provider].issuer
  return present({
    provider,
    issuer: issuer ?? usual,
    client: client === undefined ? undefined : present(client),
    scope: scope === undefined && provider === undefined ? undefined : scopes(scope),
  })
}

const scopes = (written: string | readonly string[] = []): readonly string[] =>
  typeof written === 'string' ? written.split(' ') : written

const entra = /^https:\/\/(login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn)\//

function expandExchange(
  written: NonNullable<Written['exchange']>,
  login: ExpandedLogin | undefined,
): ExpandedExchange {
  const { at } = written
  const own = target(written, login)
  return {
    ...own,
    refresh: written.refresh ?? false,
    flavour: written.flavour ?? (entra.test(own.issuer ?? '') ? 'entra-obo' : 'token-exchange'),
    ...(at === undefined
      ? {}
      : { at: { issuer: at.issuer, insecure: at.insecure ?? false, client: present(at.client) } }),
  }
}

function expandLinked(written: NonNullable<Written['oauth']>, url: string): ExpandedLinked {
  const { issuer, insecure, client, scope, resource, origins } = written
  return {
    ...present({
      issuer,
      client: client === undefined ? undefined : present(client),
      // Where the downstream says who its server is, it says what it is called there.
      resource: resource ?? (issuer === undefined ? undefined : url),
    }),
    insecure: insecure ?? false,
    scope: scopes(scope),
    origins: origins ?? [],
  }
}

function expandInstallation(written: NonNullable<Written['github-app']>): ExpandedInstallation {
  const { issuer, repositories, permissions, ...rest } = written
  return {
    ...rest,
    issuer: issuer ?? 'https://github.com',
    repositories: repositories ?? [],
    permissions: permissions ?? {},
  }
}

/** The client of the login is one of its issuer only. */
function target(written: WrittenTarget, login: ExpandedLogin | undefined): ExpandedTarget {
  const issuer = written.issuer ?? login?.issuer
  const inherited = issuer === login?.issuer ? login : undefined
  const client = written.client ?? inherited?.client
  const { audience, resource } = written
  return {
    ...present({ issuer, audience, resource, client: client === undefined ? undefined : present(client) }),
    insecure: written.insecure ?? inherited?.insecure ?? false,
    extra_audiences: written.extra_audiences ?? [],
    scope: scopes(written.scope),
  }
}
