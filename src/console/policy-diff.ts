import type { Facts, JsonObject, Matcher, Principal, Server } from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import { type ExitCode, exit, type Output, say } from './output.ts'
import { argumentsAround } from './policy-arguments.ts'

/** One configuration of the two that are compared. */
export interface DiffSide {
  readonly policy: Policy
  readonly tenant: string
  readonly issuer: string
  readonly servers: readonly Server[]
}

interface Change {
  readonly who: string
  readonly what: string
  readonly kind: 'loosened' | 'tightened' | 'other reason'
  readonly before: string
  readonly after: string
}

/**
 * `diff`: what two configurations decide differently, for somebody of each kind that their rules name, at every operation
 * with and without each tool. The function that decides is asked, so what is equal here decides equally there. 0 where
 * nothing differs, 1 otherwise.
 */
export function diffPolicies(before: DiffSide, after: DiffSide, output: Output): ExitCode {
  const changes = comparisons(before, after)
  say(output, { changes }, () => [
    ...changes.map(
      ({ kind, who, what, before: was, after: is }) => `${kind}: ${who}: ${what}: ${was} → ${is}`,
    ),
    changes.length === 0 ? 'both decide alike' : `${changes.length} decisions differ`,
  ])
  return changes.length === 0 ? exit.done : exit.failed
}

function comparisons(before: DiffSide, after: DiffSide): readonly Change[] {
  const people = unique([before, after].flatMap(peopleOf))
  const around = argumentsAround([before, after].flatMap(({ servers }) => servers))
  const questions = unique([before, after].flatMap((side) => questionsOf(side, around)))
  return people.flatMap(([who, person]) =>
    questions.flatMap(([what, question]) => {
      const was = answerOf(before, person, question)
      const is = answerOf(after, person, question)
      return was === is ? [] : [{ who, what, kind: kindOf(was, is), before: was, after: is }]
    }),
  )
}

function kindOf(was: string, is: string): Change['kind'] {
  if (is === 'allow') return 'loosened'
  return was === 'allow' ? 'tightened' : 'other reason'
}

interface Person {
  readonly kind: Principal['kind']
  readonly issuer: string
  readonly subject: string
  readonly client: string
  readonly groups: readonly string[]
  readonly workflow?: string
}

interface Question {
  readonly server: string
  readonly tool: string | undefined
  /** Undefined asks whether the tool may be called at all. */
  readonly downstream: string | undefined
  readonly operation: string | undefined
  /** Of the call; `any` asks whether it could be made with some. */
  readonly arguments: Facts['arguments']
}

const stranger = 'somebody whom no rule names'

/** Somebody for each rule, somebody for no rule, and nobody twice. */
function peopleOf({ servers, issuer }: DiffSide): readonly (readonly [string, Person])[] {
  const nobody = { kind: 'user', issuer, subject: 'nobody', client: 'unnamed', groups: [] } as const
  const matchers = servers.flatMap(({ allow, deny, tools }) => [
    ...allow,
    ...deny,
    ...tools.flatMap((tool) => [...(tool.allow ?? []), ...(tool.deny ?? [])]),
  ])
  return [[stranger, nobody], ...matchers.map((it) => personOf(it, nobody))]
}

/** Somebody whom the rule names, as far as it names people. Of several names, the first. */
function personOf(matcher: Matcher, nobody: Person): readonly [string, Person] {
  const who = whomOf(matcher)
  const person = who.reduce(named, nobody)
  return [who.length === 0 ? stranger : who.map(wordsFor).join(' and '), person]
}

const wordsFor = ({ kind, value }: Named): string => {
  if (kind === 'user' || kind === 'workload') return `${kind} ${value}`
  return kind === 'group' ? `a user of group ${value}` : `a user with ${kind} ${value}`
}

function whomOf(matcher: Matcher): readonly Named[] {
  switch (matcher.kind) {
    case 'all':
      return matcher.of.flatMap(whomOf)
    case 'any':
      return matcher.of.slice(0, 1).flatMap(whomOf)
    case 'group':
    case 'client':
    case 'workflow':
    case 'user':
    case 'workload':
      return [{ issuer: undefined, ...matcher }]
    default:
      return []
  }
}

interface Named {
  readonly kind: 'group' | 'client' | 'workflow' | 'user' | 'workload' | 'tenant' | 'environment'
  readonly value: string
  readonly issuer: string | undefined
}

function named(person: Person, { kind, value, issuer }: Named): Person {
  if (kind === 'group') return { ...person, groups: [...person.groups, value] }
  if (kind === 'client' || kind === 'workflow') return { ...person, [kind]: value }
  if (kind !== 'user' && kind !== 'workload') return person
  return { ...person, kind, issuer: issuer ?? person.issuer, subject: value }
}

function questionsOf(
  { servers, policy }: DiffSide,
  around: readonly JsonObject[],
): readonly (readonly [string, Question])[] {
  return servers.flatMap(({ name: server, tools }) => {
    const names = [undefined, ...tools.map(({ name }) => name)]
    return names.flatMap((tool) => {
      const within = tool === undefined ? 'without a tool' : `tool ${tool}`
      const calls: (readonly [string, Question])[] =
        tool === undefined
          ? []
          : (['any', ...around] as const).map((args) => [
              `${server}: calling ${tool}${args === 'any' ? '' : ` with ${JSON.stringify(args)}`}`,
              { server, tool, downstream: undefined, operation: undefined, arguments: args },
            ])
      const operations = policy
        .reachable(server)
        .flatMap((downstream) =>
          (policy.downstream(downstream)?.operations ?? []).map(({ id }): readonly [string, Question] => [
            `${server}, ${within}: ${downstream} ${id}`,
            { server, tool, downstream, operation: id, arguments: 'any' },
          ]),
        )
      return [...calls, ...operations]
    })
  })
}

function answerOf({ policy, tenant }: DiffSide, person: Person, question: Question): string {
  const { client, groups, workflow, ...identity } = person
  const { server, tool, downstream, operation, arguments: args } = question
  const base: Facts = { principal: { ...identity, tenant }, client, server, groups, groupsComplete: true }
  const known = workflow === undefined ? base : { ...base, workflow }
  const inTool: Facts =
    tool === undefined ? known : { ...known, tool, ...(args === undefined ? {} : { arguments: args }) }
  if (downstream === undefined) {
    const called = policy.call(inTool)
    return called.effect === 'allow' ? 'allow' : called.reason
  }
  const found = policy.downstream(downstream)?.operations.find(({ id }) => id === operation)
  const facts = { ...inTool, downstream, audienceGranted: policy.reachable(server).includes(downstream) }
  const decided = policy.explain(found === undefined ? facts : { ...facts, operation: found })
  return decided.decision === 'allow' ? 'allow' : decided.reason
}

function unique<T>(named: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  return [...new Map(named)]
}
