import type { Tool, ToolPin } from '../model/index.ts'

/**
 * Is what the server last said of this tool another thing than it is held to? What was never seen is not known to be
 * other, unless the configuration says which definition it has to be.
 */
export function isUnderReview({ pin: fixed }: Tool, kept: ToolPin | undefined): boolean {
  const seen = kept?.seen
  if (seen === undefined) return fixed !== undefined
  return seen.fault !== undefined || seen.digest !== (fixed ?? kept?.pinned?.digest)
}
