import type { Server } from '../model/index.ts'

const wellKnown = '/.well-known/oauth-protected-resource'

/** Where the metadata of a resource is to be asked for: its path behind the well-known one (RFC 9728 §3.1). */
export function metadataUrl({ resource }: Server): string {
  const { origin, pathname } = new URL(resource)
  return `${origin}${wellKnown}${pathname === '/' ? '' : pathname}`
}

/** The paths at which a gateway answers with it: where there is one server, at the root too. */
export function metadataPaths(path: string, alone: boolean): readonly string[] {
  return alone ? [wellKnown + path, wellKnown] : [wellKnown + path]
}

/** Protected resource metadata (RFC 9728 §2). */
export function resourceMetadata({ resource }: Server, issuer: string): object {
  return { resource, authorization_servers: [issuer], bearer_methods_supported: ['header'] }
}
