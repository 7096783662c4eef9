import type { Era } from './era.ts'

/** A list that shows one person's tools is nobody else's, and no longer good than a switch may take. In milliseconds. */
const listTtlMs = 5_000

/** What becomes of the tools of a list. */
export interface ListTerms {
  /** Takes note of their definitions, before any is judged. */
  readonly see: (tools: readonly unknown[]) => void
  /** The very decision that a call of the tool would meet. */
  readonly visible: (name: string) => boolean
}

/**
 * The answer to `tools/list` with the tools that may be called, in the order they came in; undefined where there is
 * nothing to change.
 */
export function withVisibleTools(
  message: unknown,
  era: Era,
  { see, visible }: ListTerms,
): object | undefined {
  if (!isObject(message) || !isObject(message['result'])) return undefined
  const { result } = message
  const { tools } = result
  if (!Array.isArray(tools)) return undefined
  see(tools)
  const shown = tools.filter(
    (tool) => isObject(tool) && typeof tool['name'] === 'string' && visible(tool['name']),
  )
  const ttl = typeof result['ttlMs'] === 'number' ? Math.min(result['ttlMs'], listTtlMs) : listTtlMs
  const cache = era === 'modern' ? { cacheScope: 'private', ttlMs: ttl } : {}
  return { ...message, result: { ...result, tools: shown, ...cache } }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
