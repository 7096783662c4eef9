import type {
  CredentialSource,
  Downstream,
  InstallationSource,
  LinkedSource,
  OAuthClient,
  Operation,
  Placement,
} from '../model/index.ts'
import { Secret } from '../model/index.ts'
import type { Path } from './document.ts'
import type {
  ExpandedClient,
  ExpandedDownstream,
  ExpandedExchange,
  ExpandedInstallation,
  ExpandedOperation,
  ExpandedStatic,
  ExpandedTarget,
} from './expanded.ts'
import type { SecretReader } from './secrets.ts'

/** A downstream with its secrets read. */
export async function resolveDownstream(
  name: string,
  written: ExpandedDownstream,
  read: SecretReader,
): Promise<Downstream> {
  const url = URL.parse(written.url)
  return {
    name,
    origin: url?.origin ?? '',
    basePath: (url?.pathname ?? '').replace(/\/+$/, ''),
    resource: written.resource,
    operations: written.operations.map(resolveOperation),
    guard: written.guard,
    credential: await resolveSource(written, ['downstreams', name], read),
  }
}

function resolveOperation({ op, class: risk }: ExpandedOperation): Operation {
  const [method = '', path = ''] = op.split(' ')
  return { id: op, method, path, class: risk }
}

async function resolveSource(
  written: ExpandedDownstream,
  path: Path,
  read: SecretReader,
): Promise<CredentialSource> {
  const { exchange, oauth, provider, static: fixed } = written
  const ours = written['client-credentials']
  const installation = written['github-app']
  if (exchange !== undefined) return resolveExchange(exchange, [...path, 'exchange'], read)
  if (ours !== undefined)
    return {
      kind: 'client-credentials',
      ...(await resolveTarget(ours, [...path, 'client-credentials'], read)),
    }
  if (provider !== undefined)
    return resolveLinked({ ...written, provider, resource: false, origins: [] }, path, read)
  if (oauth !== undefined) return resolveLinked(oauth, [...path, 'oauth'], read)
  if (installation !== undefined) return resolveInstallation(installation, [...path, 'github-app'], read)
  return resolveStatic(
    fixed ?? { per: 'user' },
    [...path, 'static'],
    written.guard === 'off' ? read.text : read.guarded,
  )
}

async function resolveExchange(
  written: ExpandedExchange,
  path: Path,
  read: SecretReader,
): Promise<CredentialSource> {
  const { flavour, refresh, at } = written
  const target = await resolveTarget(written, path, read)
  const place = [...path, 'at', 'client']
  return {
    kind: 'exchange',
    flavour,
    ...target,
    refresh,
    ...(at === undefined
      ? {}
      : { at: { issuer: at.issuer, client: await resolveClient(at.client, place, read) } }),
  }
}

async function resolveLinked(
  written: Pick<ExpandedDownstream, 'provider' | 'issuer' | 'client' | 'scope'> & {
    readonly resource?: string | false
    readonly origins: readonly string[]
  },
  path: Path,
  read: SecretReader,
): Promise<LinkedSource> {
  const { provider, issuer, client, scope = [], resource, origins } = written
  return {
    kind: 'linked',
    ...(provider === undefined ? {} : { provider }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(client === undefined ? {} : { client: await resolveClient(client, [...path, 'client'], read) }),
    scope,
    ...(resource === undefined ? {} : { resource }),
    origins: origins.map((url) => URL.parse(url)?.origin ?? ''),
  }
}

async function resolveInstallation(
  written: ExpandedInstallation,
  path: Path,
  read: SecretReader,
): Promise<InstallationSource> {
  const key = await read.text(written.key, [...path, 'key'], 'private key')
  return { kind: 'github-app', ...written, key }
}

async function resolveTarget(written: ExpandedTarget, path: Path, read: SecretReader) {
  const { issuer = '', client = { id: '' }, audience, resource, scope } = written
  return {
    issuer,
    client: await resolveClient(client, [...path, 'client'], read),
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
    scope,
    ...(written.extra_audiences.length === 0 ? {} : { extraAudiences: written.extra_audiences }),
  }
}

/** @param path of the client in the configuration */
export async function resolveClient(
  written: ExpandedClient,
  path: Path,
  read: SecretReader,
): Promise<OAuthClient> {
  const { id, secret, key } = written
  return {
    id,
    ...(secret === undefined
      ? {}
      : { secret: await read.text(secret, [...path, 'secret'], 'client secret') }),
    ...(key === undefined ? {} : { key: await read.text(key, [...path, 'key'], 'private key') }),
  }
}

async function resolveStatic(
  written: ExpandedStatic,
  path: Path,
  read: SecretReader['text'],
): Promise<CredentialSource> {
  const { header, prefix, per, value, owner = '' } = written
  const placement: Placement =
    header === undefined
      ? { kind: 'bearer' }
      : { kind: 'header', name: header, ...(prefix === undefined ? {} : { prefix }) }
  if (per === 'user') return { kind: 'static', per, placement }
  const secret =
    value === undefined ? new Secret('', 'static key') : await read(value, [...path, 'value'], 'static key')
  return { kind: 'static', per, placement, value: secret, owner }
}
