/** What docs/conformance.md promises: the official suite finds the same through the gateway as without it. */
import { describe, expect, it } from 'vitest'
import { compare, withGateway } from '../conformance/conformance.ts'
import type { Revision } from '../conformance/suite.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { parts } from '../kit/parts.ts'

const { conformance: suite } = parts()

/** How many checks pass: a suite that made fewer would also find no difference. */
const passing: readonly (readonly [Revision, number])[] = [
  ['2025-11-25', 84],
  ['2026-07-28', 196],
]

describe.skipIf(suite === undefined)('the MCP conformance suite', () => {
  it.each(passing)(
    'finds the same through the gateway, with and without a token: %s',
    async (revision, count) => {
      const around = { suite: suite!, folder: temporaryFolder(), tell: () => undefined }
      const report = await withGateway((endpoints) => compare(endpoints, revision, around))
      expect(report.direct.failedScored).toEqual([])
      expect(report.direct.passed).toBe(count)
      expect(report.through).toEqual({ passed: count, differences: [] })
      expect(report.bearer ?? report.through).toEqual({ passed: count, differences: [] })
    },
    300_000,
  )
})
