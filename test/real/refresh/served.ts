import { expect } from 'vitest'
import type { Told } from './orders.ts'
import type { Team } from './team.ts'

const sum = (tally: Readonly<Record<string, number>>): number =>
  Object.values(tally).reduce((all, n) => all + n, 0)

/** One access token for all of so many calls, which the provider honours. */
export function served({ as }: Pick<Team, 'as'>, told: Told, calls: number): void {
  expect(told.codes).toEqual({})
  const tokens = Object.keys(told.tokens)
  expect(tokens).toHaveLength(1)
  expect(sum(told.tokens)).toBe(calls)
  expect(as.honours(tokens[0] ?? '')).toBe(true)
}

/** Nothing for any of so many calls, and the same reason for all. */
export function denied(told: Told, calls: number, code: string): void {
  expect(told).toEqual({ tokens: {}, codes: { [code]: calls } })
}
