/** What docs/conformance.md promises: sallyport is an OAuth client as the official suite wants it. */
import { expect, it } from 'vitest'
import { actAsClient } from '../conformance/as-client/as-client.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { parts } from '../kit/parts.ts'

const { conformance: suite } = parts()

it.skipIf(suite === undefined)(
  'the MCP conformance suite finds in sallyport the client that 2026-07-28 requires',
  async () => {
    const around = { suite: suite!, folder: temporaryFolder(), tell: () => undefined }
    const { scenarios, unexpected } = await actAsClient('2026-07-28', around)
    expect(scenarios.filter(({ scenario }) => unexpected.includes(scenario))).toEqual([])
    // Scenarios of fewer checks would pass, too.
    const passing = scenarios.filter(({ wrong }) => wrong.length === 0)
    expect(passing.length).toBe(27)
    expect(passing.reduce((sum, { passed }) => sum + passed, 0)).toBeGreaterThanOrEqual(330)
  },
  300_000,
)
