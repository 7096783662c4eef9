import { describe, expect, it } from 'vitest'
import { differences, failedOf, passed } from './compare.ts'
import type { Check } from './suite.ts'

const check = (scenario: string, id: string, status: Check['status'], errorMessage?: string): Check => ({
  ...{ scenario, id, name: id, status },
  ...(errorMessage === undefined ? {} : { errorMessage }),
})

describe('two runs of the suite differ', () => {
  const direct = [
    check('tools-list', 'a', 'SUCCESS'),
    check('ping', 'a', 'SUCCESS'),
    check('ping', 'a', 'INFO'),
  ]

  it('in nothing, where each check came out the same, in whatever order the scenarios came', () => {
    expect(differences(direct, direct.toSpliced(0, 1).concat(direct[0]!))).toEqual([])
  })

  it('where a check of a repeated id came out otherwise', () => {
    const through = direct.with(2, check('ping', 'a', 'FAILURE', 'no\nanswer'))
    const found = { scenario: 'ping', check: 'a (a)', direct: 'SUCCESS INFO', through: 'SUCCESS FAILURE' }
    expect(differences(direct, through)).toEqual([{ ...found, why: 'no answer' }])
  })

  it('where a check was made on one side only', () => {
    const less = direct.slice(0, 1)
    const found = { scenario: 'ping', check: 'a (a)' }
    expect(differences(direct, less)).toEqual([{ ...found, direct: 'SUCCESS INFO', through: '' }])
    expect(differences(less, direct)).toEqual([{ ...found, direct: '', through: 'SUCCESS INFO' }])
  })

  it('where a check of the same id passed in one scenario and failed in another', () => {
    const swapped = [check('tools-list', 'a', 'FAILURE'), check('ping', 'a', 'SUCCESS')]
    const found = differences([check('tools-list', 'a', 'SUCCESS'), check('ping', 'a', 'FAILURE')], swapped)
    expect(found.map(({ scenario }) => scenario)).toEqual(['tools-list', 'ping'])
  })
})

it('what failed counts where the scenario has to pass', () => {
  const checks = [
    check('ping', 'a', 'FAILURE'),
    check('tasks', 'b', 'FAILURE'),
    check('ping', 'c', 'WARNING'),
  ]
  expect(failedOf(checks, new Set(['ping']))).toEqual([checks[0]])
  expect(passed(checks)).toBe(0)
})
