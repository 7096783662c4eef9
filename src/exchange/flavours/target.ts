import type { Downstream } from '../../model/index.ts'
import type { TokenSource } from './flavour.ts'

/** What a token is asked for: `audience` (RFC 8693 §2.1) and `resource` (RFC 8707). Never nothing. */
export interface Target {
  readonly audience?: string
  readonly resource?: string
}

/**
 * The target of a credential source. Where none is configured it is the downstream's resource: a token that
 * names no target would open everything that its client may reach.
 */
export function targetOf(source: TokenSource, downstream: Downstream): Target {
  const { audience, resource } = source
  if (audience === undefined && resource === undefined) return { resource: downstream.resource }
  return {
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
  }
}

export function targetNames({ audience, resource }: Target): readonly string[] {
  return [audience, resource].filter((name) => name !== undefined)
}

/** The parameters that say so in a token request. */
export function targetParameters(target: Target, scope: readonly string[]): (readonly [string, string])[] {
  return [
    ...(target.audience === undefined ? [] : [['audience', target.audience] as const]),
    ...(target.resource === undefined ? [] : [['resource', target.resource] as const]),
    ...(scope.length === 0 ? [] : [['scope', scope.join(' ')] as const]),
  ]
}
