import type { Decision, Downstream, Facts, Observed, Operation, Server, Tool, Use } from '../model/index.ts'
import { errorTable } from '../model/index.ts'
import { admission } from './admission.ts'
import {
  type Bundle,
  type CompiledDownstream,
  type CompiledServer,
  type CompiledTool,
  covers,
  type Denied,
  type HeldUses,
  type Trace,
  toolOf,
  useKey,
} from './bundle.ts'
import { callable } from './call.ts'
import { connect } from './connect.ts'
import { judge } from './decide.ts'
import { type HeldUse, holdUse } from './held-use.ts'
import { compileMatcher, type Matcher } from './match.ts'
import { Permit } from './permit.ts'
import type { Explanation, Policy, Step } from './policy.ts'
import { recordedOf, toRecord } from './recorded.ts'
import { remedyFor } from './remedy.ts'
import { placed } from './rules.ts'

/** What decides: the expanded configuration's servers and downstreams, and the digest over them. */
export interface PolicyInput {
  readonly tenant: string
  readonly servers: readonly Server[]
  readonly downstreams: readonly Downstream[]
  readonly version: string
}

/** Compile once, decide often. Later entries of one name are ignored: the configuration refuses duplicates. */
export function compilePolicy(input: PolicyInput): Policy {
  const downstreams = byName(input.downstreams.map(compileDownstream))
  const bundle: Bundle = {
    tenant: input.tenant,
    servers: byName(input.servers.map((server) => compileServer(server, downstreams))),
    downstreams,
  }
  const matchers = new Map(input.downstreams.map((it) => [it.name, compileMatcher(it.operations)] as const))
  return {
    version: input.version,
    server: (name) => bundle.servers.get(name)?.server,
    downstream: (name) => bundle.downstreams.get(name)?.downstream,
    match: (downstream, method, path) => lookUp(matchers, downstream.name)(method, path),
    decide: (facts) => decide(bundle, facts, input.version),
    admit: (facts, downstreams) => admit(bundle, facts, downstreams),
    call: (facts) => call(bundle, facts),
    connect: (facts, place) => connect(bundle, facts, place),
    reachable: (server) => bundle.servers.get(server)?.reachable ?? [],
    tool: (server, name) => entryOf(bundle, server, name),
    recorded: (server, tool, args) => {
      const found = bundle.servers.get(server)
      return recordedOf((found && toolOf(found, tool)?.recorded) ?? [], args)
    },
    explain: (facts) => explain(facts, input.version, (trace) => judge(bundle, facts, trace)),
    explainCall: (facts) => explain(facts, input.version, (trace) => callable(bundle, facts, trace)),
  }
}

const nothing: Matcher = () => undefined

function lookUp(matchers: ReadonlyMap<string, Matcher>, name: string): Matcher {
  return matchers.get(name) ?? nothing
}

function decide(bundle: Bundle, facts: Facts, version: string): Decision<Permit> {
  const verdict = judge(bundle, facts)
  if (verdict.effect === 'deny') return { effect: 'deny', reason: verdict.reason, rule: verdict.rule }
  const { downstream, operation, rule, use, observed } = verdict
  const permit = Permit.of({ facts, downstream, operation, rule, policy: version, use, observed })
  return { effect: 'allow', permit, reason: 'allowed', rule }
}

function entryOf({ servers }: Bundle, server: string, name: string): Tool | undefined {
  const found = servers.get(server)
  return found === undefined ? undefined : toolOf(found, name)?.tool
}

/** Lets what decides tell its steps. */
function explain(
  facts: Facts,
  version: string,
  deciding: (
    trace: Trace,
  ) => Denied | { readonly effect: 'allow'; readonly rule: string; readonly observed?: Observed | undefined },
): Explanation {
  const steps: Step[] = []
  const verdict = deciding((step) => steps.push(step))
  const reason = verdict.effect === 'allow' ? 'allowed' : verdict.reason
  const refused = verdict.effect === 'deny' ? verdict : verdict.observed
  const remedy = refused && remedyFor(refused.reason, refused.rule, facts)
  return {
    decision: verdict.effect,
    reason,
    sentence: errorTable[reason].sentence,
    rule: verdict.rule,
    policy: version,
    steps,
    ...(remedy === undefined ? {} : { remedy }),
    ...(verdict.effect === 'deny' || verdict.observed === undefined ? {} : { observed: verdict.observed }),
  }
}

function admit(bundle: Bundle, facts: Facts, downstreams: readonly string[]): Decision<readonly string[]> {
  const verdict = admission(bundle, facts, undefined, 'session')
  if (verdict.effect === 'deny') return verdict
  const permit = downstreams.filter((name) => verdict.server.reachable.includes(name))
  return { effect: 'allow', permit, reason: 'allowed', rule: verdict.rule }
}

function call(bundle: Bundle, facts: Facts): Decision<Tool> {
  const verdict = callable(bundle, facts)
  if (verdict.effect === 'deny') return verdict
  const { tool, rule, observed } = verdict
  return {
    effect: 'allow',
    permit: tool,
    reason: 'allowed',
    rule,
    ...(observed === undefined ? {} : { observed }),
  }
}

function byName<T extends { readonly name: string }>(things: readonly T[]): ReadonlyMap<string, T> {
  const map = new Map<string, T>()
  for (const thing of things) if (!map.has(thing.name)) map.set(thing.name, thing)
  return map
}

function compileDownstream(downstream: Downstream): CompiledDownstream {
  return {
    name: downstream.name,
    place: `downstreams.${downstream.name}`,
    downstream,
    operations: new Map(
      downstream.operations.map((operation): [string, Operation] => [operation.id, operation]),
    ),
  }
}

type Downstreams = Bundle['downstreams']

function compileServer(server: Server, downstreams: Downstreams): CompiledServer {
  const place = `servers.${server.name}`
  const used = [...server.direct, ...server.tools.flatMap((tool) => tool.uses)]
  return {
    name: server.name,
    place,
    server,
    allow: placed(`${place}.allow`, server.allow),
    deny: placed(`${place}.deny`, server.deny),
    direct: placedUses(`${place}.direct`, server.direct),
    tools: byName(server.tools.map((tool) => compileTool(`${place}.tools.${tool.name}`, tool, downstreams))),
    reachable: [...new Set(used.map((use) => use.downstream))].sort(),
  }
}

function compileTool(place: string, tool: Tool, downstreams: Downstreams): CompiledTool {
  const uses = holdUses(placedUses(`${place}.uses`, tool.uses), downstreams)
  return {
    name: tool.name,
    place,
    tool,
    uses,
    recorded: toRecord(tool, uses),
    ...(tool.allow === undefined ? {} : { allow: placed(`${place}.allow`, tool.allow) }),
    deny: placed(`${place}.deny`, tool.deny ?? []),
  }
}

function placedUses(place: string, uses: readonly Use[]): CompiledServer['direct'] {
  return uses.map((use, index) => ({ ...use, place: `${place}[${index}]` }))
}

function holdUses(uses: CompiledServer['direct'], downstreams: Downstreams): HeldUses {
  const held = new Map<string, HeldUse>()
  for (const use of uses) {
    const found = downstreams.get(use.downstream)
    if (found === undefined) continue
    for (const operation of found.operations.values()) {
      const key = useKey(found.name, operation)
      const target = { downstream: found.downstream, operation }
      if (covers(use, target) && !held.has(key)) held.set(key, holdUse(use, operation))
    }
  }
  return held
}
