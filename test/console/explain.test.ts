import { describe, expect, it } from 'vitest'
import { explain, type ExplainTerms, type ExplainWords, type Output } from '../../src/console/index.ts'
import { facts, issuer, policyOf, tool } from '../policy/facts.ts'

const policy = policyOf({ direct: [{ downstream: 'orders' }] })
const terms = { policy, tenant: 'acme', issuer, workloadIssuers: [], servers: ['crm'] }
const question: ExplainWords = {
  user: 'alice',
  groups: ['crm-users'],
  downstream: 'orders',
  method: 'get',
  path: '/orders/17',
}

function ask(
  words: ExplainWords,
  { json = false, terms: asked = terms }: { json?: boolean; terms?: ExplainTerms } = {},
) {
  const lines: string[] = []
  const output: Output = { json, line: (text) => void lines.push(text), progress: () => undefined }
  return { code: explain(words, asked, output), lines }
}

describe('explain', () => {
  it('cannot be asked about nobody, or about two', () => {
    const { user: _, ...nobody } = question
    expect(ask(nobody)).toMatchObject({ code: 2, lines: [expect.stringContaining('--user or --workload')] })
    expect(ask({ ...question, workload: 'x' }).code).toBe(2)
    expect(ask({ ...nobody, workload: 'x' })).toMatchObject({
      code: 2,
      lines: [expect.stringContaining('--issuer')],
    })
  })

  it('says why something is denied, with the step that did not hold', () => {
    const { code, lines } = ask({ ...question, method: 'DELETE' })
    expect(code).toBe(3)
    expect(lines[0]).toBe('denied: operation_unknown, by downstreams.orders.operations')
    expect(lines.filter((line) => line.includes('✗'))).toHaveLength(1)
  })

  it('says of a tool whether it may be called at all, by the decision that a call meets', () => {
    const tools = [tool('find', 'read', []), tool('wipe', 'never', [])]
    const asked = {
      ...terms,
      policy: policyOf({ tools }),
      underReview: (_: string, name: string) => name === 'find',
    }
    const call = { user: 'alice', groups: ['crm-users'], tool: 'find' }
    const { underReview: _, ...known } = asked
    expect(ask(call, { terms: known })).toMatchObject({ code: 0 })
    expect(ask(call, { terms: known }).lines[0]).toBe('allowed: allowed, by servers.crm.tools.find')
    const reviewed = ask(call, { terms: asked })
    expect(reviewed.code).toBe(3)
    expect(reviewed.lines[0]).toBe('denied: tool_under_review, by servers.crm.tools.find')
    expect(reviewed.lines.filter((line) => line.includes('✗'))).toEqual([
      expect.stringMatching(/✗ tool definition +another one than it is held to/),
    ])
    expect(ask({ ...call, tool: 'wipe' }, { terms: asked }).lines[0]).toContain('class_never')
    expect(ask({ ...call, groups: [] }, { terms: asked }).lines[0]).toContain('not_allowed')
    expect(JSON.parse(ask(call, { terms: asked, json: true }).lines.join(''))).toMatchObject({
      decision: 'deny',
    })
    const { tool: name, ...nothing } = call
    expect(name).toBe('find')
    expect(ask(nothing, { terms: asked }).code).toBe(2)
    expect(ask({ ...call, method: 'GET' }, { terms: asked }).code).toBe(2)
  })

  it('denies what the truncated list of groups leaves open', () => {
    expect(ask({ ...question, groupsIncomplete: true })).toMatchObject({ code: 3 })
  })

  it('does not take the token to name a downstream that the server never uses', () => {
    expect(ask({ ...question, downstream: 'legacy' }).lines[0]).toContain('downstream_not_granted')
  })

  it('says the same as a decision, in words and in JSON', () => {
    const operation = policy.match(policy.downstream('orders') ?? never(), 'GET', '/orders/17')
    const decided = policy.decide(facts({ operation: operation ?? never() }))
    const { code, lines } = ask(question, { json: true })
    expect(code).toBe(0)
    expect(JSON.parse(lines.join(''))).toMatchObject({
      decision: decided.effect,
      reason: decided.reason,
      rule: decided.rule,
    })
    expect(ask(question).lines[0]).toBe(`allowed: allowed, by ${decided.rule}`)
  })
})

function never(): never {
  throw new Error('the test’s policy lacks something')
}
