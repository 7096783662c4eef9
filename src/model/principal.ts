/** A person or a workload acting as itself. The two kinds stay apart in every token, decision, key and record. */
export type PrincipalKind = 'user' | 'workload'

/** Whom the work is for: named by issuer and subject together, never by `sub` alone (design §1). */
export interface Principal {
  readonly kind: PrincipalKind
  readonly tenant: string
  readonly issuer: string
  readonly subject: string
}

/**
 * Who acts for the principal: a client or the workload of a server (RFC 8693 §4.1). `actingFor` nests the
 * earlier actors; only the outermost one is for access decisions.
 */
export interface Actor {
  readonly subject: string
  readonly issuer?: string
  readonly actingFor?: Actor
}

/** How deep an actor chain may be; a deeper one is refused. */
export const maxActorDepth = 5

/** Joins parts so that no two different lists give the same text: each part is preceded by its length. */
export function joinKey(...parts: readonly string[]): string {
  let key = ''
  for (const part of parts) key += `${part.length}:${part}`
  return key
}

/** The one key under which anything of a principal is kept, cached or cut. */
export function principalKey(principal: Principal): string {
  return joinKey(principal.tenant, principal.kind, principal.issuer, principal.subject)
}

export function actorDepth(actor: Actor | undefined): number {
  return actor === undefined ? 0 : 1 + actorDepth(actor.actingFor)
}

/** The whole chain as one key, so that a cached credential of one chain never serves another. */
export function actorKey(actor: Actor | undefined): string {
  return actor === undefined ? '' : joinKey(actor.issuer ?? '', actor.subject, actorKey(actor.actingFor))
}
