import { describe, expect, it } from 'vitest'
import { explain, type ExplainWords, type Output } from '../../src/console/index.ts'
import { facts, issuer, policyOf } from '../policy/facts.ts'

const policy = policyOf({ direct: [{ downstream: 'orders' }] })
const terms = { policy, tenant: 'acme', issuer, workloadIssuers: [], servers: ['crm'] }
const question: ExplainWords = {
  user: 'alice',
  groups: ['crm-users'],
  downstream: 'orders',
  method: 'get',
  path: '/orders/17',
}

function ask(words: ExplainWords, json = false) {
  const lines: string[] = []
  const output: Output = { json, line: (text) => void lines.push(text), progress: () => undefined }
  return { code: explain(words, terms, output), lines }
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

  it('denies what the truncated list of groups leaves open', () => {
    expect(ask({ ...question, groupsIncomplete: true })).toMatchObject({ code: 3 })
  })

  it('does not take the token to name a downstream that the server never uses', () => {
    expect(ask({ ...question, downstream: 'legacy' }).lines[0]).toContain('downstream_not_granted')
  })

  it('says the same as a decision, in words and in JSON', () => {
    const operation = policy.match(policy.downstream('orders') ?? never(), 'GET', '/orders/17')
    const decided = policy.decide(facts({ operation: operation ?? never() }))
    const { code, lines } = ask(question, true)
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
