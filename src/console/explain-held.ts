import { printable } from '../audit/index.ts'
import { type Refusal, tryHold } from '../egress/index.ts'
import { errorTable, type Facts, type Json } from '../model/index.ts'
import type { Explanation, Policy } from '../policy/index.ts'
import type { Asked, AskedRequest } from './asked.ts'

type Step = Explanation['steps'][number]

/** What would become of the request of a call. Members may be added. */
export interface HeldRequest extends Omit<AskedRequest, 'type'> {
  readonly held: boolean
  /** What of the request differs: `path.id`, `body.amount`, or a whole `body`. */
  readonly part?: string
  /** The parameter of the call that the part is bound to, as it is configured. */
  readonly parameter?: string
  /** Its value in the call, and what stands in the request; absent where there is none. */
  readonly wanted?: Json
  readonly found?: Json
}

export interface Explained extends Explanation {
  readonly request?: HeldRequest
}

/**
 * A decision about the request of a call, with what the egress would do with this very request: the function that holds
 * requests is asked. A request that is refused anyway is not compared, and neither is one without parameters to compare with.
 */
export function explainHeld(
  explanation: Explanation,
  { arguments: args, request }: Asked,
  facts: Facts,
  policy: Policy,
): Explained {
  const decision = policy.decide(facts)
  const server = policy.server(facts.server)
  if (request === undefined || args === undefined || args === 'any' || server === undefined)
    return explanation
  if (decision.effect === 'deny' || decision.permit.use === undefined) return explanation
  const { use, operation } = decision.permit
  const tried = tryHold(request, use, args, { server, operation })
  const { type: _, ...shown } = request
  const refused = 'sent' in tried ? tried.observed : tried
  const sent = 'sent' in tried ? tried.sent : {}
  const parameter = refused === undefined ? undefined : use.use.bind?.[refused.differing.part]
  const note = refused === undefined ? 'the request says what the call says' : noteOf(refused, parameter)
  const step = { step: 'parameters', held: refused === undefined, note }
  const about = { ...shown, ...sent, ...(refused === undefined ? { held: true } : told(refused, parameter)) }
  return { ...explanation, ...verdictOf(explanation, step, tried), request: about }
}

/** What is let through though its call does not say so is observed; what is not let through is denied. */
function verdictOf(
  { steps }: Explanation,
  step: Step,
  tried: ReturnType<typeof tryHold>,
): Partial<Explanation> {
  if ('sent' in tried) {
    const { observed } = tried
    const passed = { steps: before(steps, step) }
    return observed === undefined
      ? passed
      : { ...passed, observed: { reason: observed.code, rule: observed.rule } }
  }
  const { code, rule } = tried
  const { sentence } = errorTable[code]
  return {
    decision: 'deny',
    reason: code,
    sentence,
    rule,
    steps: [...steps.filter((it) => it.step !== outcome), step],
  }
}

function told({ differing }: Refusal, parameter: string | undefined) {
  const { part, wanted, found } = differing
  return {
    held: false,
    part,
    ...(parameter === undefined ? {} : { parameter }),
    ...(wanted === undefined ? {} : { wanted }),
    ...(found === undefined ? {} : { found }),
  }
}

const outcome = 'outcome'

/** What is permitted is permitted last. */
function before(steps: readonly Step[], step: Step): readonly Step[] {
  const at = steps.findIndex((it) => it.step === outcome)
  return at === -1 ? [...steps, step] : [...steps.slice(0, at), step, ...steps.slice(at)]
}

function noteOf({ code, rule, differing }: Refusal, parameter: string | undefined): string {
  const { part, wanted, found, twice } = differing
  const shown = printable(part)
  if (twice === true) return `${shown} stands more than once in the request`
  if (parameter !== undefined)
    return `${shown} is ${valueOf(found)} in the request, and ${printable(parameter)} is ${valueOf(wanted)} in the call`
  if (code === 'call_field_unbound')
    return rule.endsWith('.rest')
      ? `${shown} is neither bound nor free, and the rest is refused`
      : `${shown} can be read as a part that is bound, or hides one`
  return `${shown} cannot be compared`
}

const longest = 100

function valueOf(value: Json | undefined): string {
  if (value === undefined) return 'absent'
  const text = printable(JSON.stringify(value))
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
