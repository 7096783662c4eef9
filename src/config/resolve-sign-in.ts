import { seconds } from '../model/index.ts'
import type { Config } from './config.ts'
import type { Path } from './document.ts'
import type { Resolving } from './expanding.ts'
import type { Expanded, ExpandedMcpClient } from './expanded.ts'
import { filePath, whyUnreadable } from './references.ts'

/** The MCP clients with their secrets and keys read, and the spans of sign-in. */
export async function resolveSignIn(
  { clients, sign_in: spans }: Expanded,
  context: Resolving,
): Promise<Pick<Config, 'clients' | 'signIn'>> {
  const resolved: Config['clients'][number][] = []
  for (const [name, client] of Object.entries(clients))
    resolved.push(await resolveMcpClient(name, client, context))
  return {
    clients: resolved,
    signIn: {
      registration: spans.registration,
      catalog: spans.catalog,
      access: seconds(spans.access),
      idle: seconds(spans.idle),
      absolute: seconds(spans.absolute),
      leeway: seconds(spans.leeway),
    },
  }
}

async function resolveMcpClient(
  name: string,
  { secret, jwks, ...client }: ExpandedMcpClient,
  context: Resolving,
): Promise<Config['clients'][number]> {
  const path = ['clients', name]
  return {
    name,
    ...client,
    ...(secret === undefined
      ? {}
      : { secret: await context.read.text(secret, [...path, 'secret'], 'client secret') }),
    ...(jwks === undefined ? {} : { jwks: await readKeys(jwks, [...path, 'jwks'], context) }),
  }
}

/** A JWK set that stands in a file; one behind a URL is read when it is needed. */
async function readKeys(
  reference: string,
  path: Path,
  { report, sources, folder }: Resolving,
): Promise<{ readonly keys: readonly object[] } | string> {
  if (!reference.startsWith('file:')) return reference
  const file = filePath(reference, folder)
  const place = report.shown(path, file)
  try {
    const set: unknown = JSON.parse(new TextDecoder().decode((await sources.readFile(file)).bytes))
    if (isKeySet(set)) return set
    report.fault(path, `${place} holds no JWK set`, 'name a file with { "keys": [ … ] }, public keys only')
  } catch (error) {
    if (error instanceof SyntaxError) report.fault(path, `${place} is not JSON`, 'name a file with a JWK set')
    else report.fault(path, ...whyUnreadable(error, place))
  }
  return { keys: [] }
}

/** Public keys only: a private one does not belong into a file of ours. */
function isKeySet(value: unknown): value is { readonly keys: readonly object[] } {
  const keys = (value as { readonly keys?: unknown } | null)?.keys
  return (
    Array.isArray(keys) &&
    keys.length > 0 &&
    keys.every(
      (key: unknown) =>
        typeof key === 'object' && key !== null && 'kty' in key && !('d' in key) && !('k' in key),
    )
  )
}
