import {
  type Barred,
  errorTable,
  type Facts,
  isMethodName,
  type ReasonCode,
  type RiskClass,
  type Server,
} from '../../model/index.ts'
import type { Policy } from '../../policy/index.ts'
import type { Definitions } from '../tools/definitions.ts'

/** A tool as the person who may use it sees it. */
export interface CatalogEntry {
  readonly name: string
  /** As the pinned definition says it, where one was seen. */
  readonly title?: string
  readonly description?: string
  readonly class: RiskClass
  readonly available: boolean
  /** Why it cannot be called now, though it is meant for this person. */
  readonly reason?: ReasonCode
  readonly sentence?: string
}

export interface CatalogDeps {
  readonly policy: Pick<Policy, 'call' | 'tool'>
  readonly definitions: Pick<Definitions, 'known' | 'underReview'>
  /** What a call of this tool would be barred by now. */
  readonly barred: (tool: string) => Barred | undefined
}

/** For these the tool is not hidden: it is the person's, and something has to happen first. */
const waiting: readonly ReasonCode[] = ['tool_confirm_unavailable', 'tool_approval_unavailable']

/**
 * What a person may use at a server, by the decision that a call would meet. Listed is what the configuration names, and
 * what the server was seen to have; a tool that is hidden from lists is not in here either.
 */
export function catalogOf(
  who: Omit<Facts, 'tool'>,
  server: Server,
  deps: CatalogDeps,
): readonly CatalogEntry[] {
  const known = new Map(
    deps.definitions
      .known()
      .flatMap(({ pin }) => (pin.server === server.name ? [[pin.tool, pin.pinned]] : [])),
  )
  const named = server.tools.map(({ name }) => name).filter((name) => name !== '*' && !isMethodName(name))
  return [...new Set([...named, ...known.keys()])].flatMap((name) => {
    const state = judge(who, name, deps)
    const entry = deps.policy.tool(server.name, name)
    if (state === undefined || entry === undefined) return []
    const { title, description } = known.get(name) ?? {}
    const words = {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
    }
    return [{ name, ...words, class: entry.class, ...state }]
  })
}

function judge(
  who: Omit<Facts, 'tool'>,
  tool: string,
  { policy, definitions, barred }: CatalogDeps,
): Pick<CatalogEntry, 'available' | 'reason' | 'sentence'> | undefined {
  const review = definitions.underReview(who.server, tool) ? ({ underReview: true } as const) : {}
  const decision = policy.call({ ...who, ...review, tool, arguments: 'any' })
  if (decision.effect === 'deny')
    return waiting.includes(decision.reason) ? unavailable(decision.reason) : undefined
  const bar = barred(tool)
  return bar === undefined ? { available: true } : unavailable(bar.reason)
}

const unavailable = (reason: ReasonCode) => ({
  available: false,
  reason,
  sentence: errorTable[reason].sentence,
})
