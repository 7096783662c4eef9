import type { Audit } from '../../audit/index.ts'
import type { Durability, Tool, ToolPin } from '../../model/index.ts'
import { isUnderReview } from '../../policy/index.ts'
import type { Log } from '../../telemetry/index.ts'

export interface PinNotes {
  /** What a list or the configuration has changed. It is in force whether or not it can be recorded. */
  changed(before: ToolPin, now: ToolPin, entry: Tool): void
  /** On the disk before it is so. @throws record_unavailable */
  accepted(pin: ToolPin, digest: string): Promise<void>
}

export function createPinNotes(audit: Pick<Audit, 'note'>, log: Log): PinNotes {
  const note = (
    { server, tool }: ToolPin,
    details: Readonly<Record<string, string>> & { readonly action: string },
    durability: Durability,
  ) => {
    const reason = details.action === 'tool_under_review' ? ({ reason: 'tool_under_review' } as const) : {}
    return audit.note({ kind: 'administration', who: { server }, tool, details, ...reason }, durability)
  }
  return {
    changed: (before, now, entry) => {
      for (const details of changes(before, now, entry)) {
        note(now, details, 'handed').catch((error: unknown) => {
          log.error('tool_change_not_recorded', { server: now.server }, error)
        })
      }
    },
    accepted: (pin, digest) => note(pin, { action: 'tool_accepted', digest, ...formerly(pin) }, 'synced'),
  }
}

const formerly = ({ pinned }: ToolPin) => (pinned === undefined ? {} : { formerly: pinned.digest })

function* changes(before: ToolPin, now: ToolPin, entry: Tool) {
  const { pinned, seen } = now
  if (pinned !== undefined && pinned.digest !== before.pinned?.digest)
    yield { action: 'tool_pinned', digest: pinned.digest, by: pinned.by, ...formerly(before) }
  if (seen === undefined || (seen.digest === before.seen?.digest && pinned === before.pinned)) return
  if (isUnderReview(entry, now)) {
    const held = pinned === undefined ? {} : { pinned: pinned.digest }
    const fault = seen.fault === undefined ? {} : { fault: seen.fault }
    yield { action: 'tool_under_review', digest: seen.digest, ...held, ...fault }
  } else if (before.seen !== undefined) yield { action: 'tool_review_over', digest: seen.digest }
}
