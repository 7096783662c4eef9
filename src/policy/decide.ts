import { type Facts, type Observed, stricter } from '../model/index.ts'
import { admission } from './admission.ts'
import {
  asker,
  type Bundle,
  type CompiledServer,
  covers,
  type Denied,
  deny,
  type Granted,
  known,
  type Target,
  type Trace,
} from './bundle.ts'
import { observedRead } from './observe.ts'
import { withinTool } from './tool.ts'

type Verdict =
  | Denied
  | (Granted & Pick<Target, 'downstream' | 'operation'> & { readonly observed?: Observed })

/** The verdict on a request; of a server that is observed, with reads let pass. */
export function judge(bundle: Bundle, facts: Facts, trace?: Trace): Verdict {
  const verdict = strictly(bundle, facts, trace)
  return verdict.effect === 'allow' ? verdict : (observedRead(bundle, facts, verdict) ?? verdict)
}

/** Every step of a decision in its order. The first that does not hold is the verdict. */
function strictly(bundle: Bundle, facts: Facts, trace?: Trace): Verdict {
  const admitted = admission(bundle, facts, trace)
  if (admitted.effect === 'deny') return admitted
  const target = targeted(bundle, facts, trace)
  if (target.effect === 'deny') return target
  const { downstream, operation, risk } = target
  const granted =
    facts.tool === undefined
      ? direct(admitted.server, target, trace)
      : withinTool(admitted, facts.tool, target, trace)
  if (granted.effect === 'deny') return granted
  trace?.({ step: 'outcome', held: true, note: `${operation.id} (${risk}) is permitted by ${granted.rule}` })
  return { ...granted, downstream, operation }
}

/** What the request is about: a known downstream that the token names, and an operation whose class may be done. */
function targeted(
  bundle: Bundle,
  facts: Facts,
  trace: Trace,
): Denied | ({ readonly effect: 'allow' } & Target) {
  const ask = asker(trace)
  const name = facts.downstream
  const found = name === undefined ? undefined : bundle.downstreams.get(name)
  if (!ask('downstream', found, () => known(name, found))) {
    return deny('downstream_unknown', 'downstreams')
  }
  const { place } = found
  const named = facts.audienceGranted === true
  const tokenNote = () => `the token ${named ? 'names' : 'does not name'} ${found.downstream.resource}`
  if (!ask('token', named, tokenNote)) {
    return deny('downstream_not_granted', place)
  }
  const asked = facts.operation
  const operation = asked === undefined ? undefined : found.operations.get(asked.id)
  if (!ask('operation', operation, () => known(asked?.id, operation))) {
    return deny('operation_unknown', `${place}.operations`)
  }
  const risk = stricter(operation.class, asked?.class ?? 'never')
  if (!ask('class', risk !== 'never', () => `${operation.id} is of class ${risk}`)) {
    return deny('class_never', `${place}.operations`)
  }
  return { effect: 'allow', downstream: found.downstream, operation, risk }
}

/** What a session token may do without a tool call (design §5): nothing that is not listed, never `critical`. */
function direct(server: CompiledServer, target: Target, trace: Trace): Denied | Granted {
  const ask = asker(trace)
  const { risk, operation } = target
  if (!ask('no tool', risk !== 'critical', () => `${operation.id} without a tool call is of class ${risk}`)) {
    return deny('critical_needs_call', `${server.place}.direct`)
  }
  const sensitive = risk === 'read-sensitive'
  if (
    !ask('not sensitive', !sensitive, () => `${operation.id} is ${sensitive ? '' : 'not '}read-sensitive`)
  ) {
    return deny('sensitive_needs_call', `${server.place}.direct`)
  }
  const use = server.direct.find(
    (it) => covers(it, target) && (it.operation !== undefined || risk === 'read'),
  )
  const note = () =>
    use === undefined ? `none of ${server.direct.length} entries lists it` : `listed at ${use.place}`
  if (!ask('direct', use, note)) return deny('direct_not_listed', `${server.place}.direct`)
  return { effect: 'allow', rule: use.place }
}
