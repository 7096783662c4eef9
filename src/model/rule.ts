import type { RiskClass } from './downstream.ts'

/** What a parameter of a call has to be. Numbers compare with numbers only: `"600"` is not above 500, and not below either. */
export type ParameterTest =
  | { readonly test: 'in'; readonly values: readonly (string | number | boolean | null)[] }
  | { readonly test: 'above' | 'below' | 'least' | 'most'; readonly value: number }
  | { readonly test: 'begins'; readonly value: string }
  | { readonly test: 'present'; readonly value: boolean }

/**
 * What a rule names: `group:crm-users`, `user:<sub>`, `class:write` and their like, or several of them together. Users and
 * workloads are those of `issuer` only.
 */
export type Matcher =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'group' | 'client' | 'tenant' | 'environment' | 'workflow'; readonly value: string }
  | { readonly kind: 'label' | 'tool'; readonly value: string }
  | { readonly kind: 'user' | 'workload'; readonly value: string; readonly issuer?: string }
  | { readonly kind: 'class'; readonly value: RiskClass }
  /** A parameter of the call, by the steps of a JSON Pointer (RFC 6901). */
  | {
      readonly kind: 'parameter'
      readonly pointer: readonly string[]
      readonly tests: readonly ParameterTest[]
    }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Matcher[] }

/** Whether a matcher asks for something in all the ways in which it can be met. */
export function asksFor(matcher: Matcher, kind: Matcher['kind']): boolean {
  if (matcher.kind === 'all') return matcher.of.some((it) => asksFor(it, kind))
  if (matcher.kind === 'any') return matcher.of.every((it) => asksFor(it, kind))
  return matcher.kind === kind
}
