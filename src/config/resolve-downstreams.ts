import type { CredentialSource, Downstream, OAuthClient, Operation, Placement } from '../model/index.ts'
import { Secret } from '../model/index.ts'
import type { Path } from './document.ts'
import type {
  ExpandedClient,
  ExpandedDownstream,
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
  const { exchange, static: fixed } = written
  const ours = written['client-credentials']
  if (exchange !== undefined) {
    const target = await resolveTarget(exchange, [...path, 'exchange'], read)
    return { kind: 'exchange', ...target, refresh: exchange.refresh }
  }
  if (ours !== undefined)
    return {
      kind: 'client-credentials',
      ...(await resolveTarget(ours, [...path, 'client-credentials'], read)),
    }
  return resolveStatic(
    fixed ?? { per: 'user' },
    [...path, 'static'],
    written.guard === 'off' ? read.text : read.guarded,
  )
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
