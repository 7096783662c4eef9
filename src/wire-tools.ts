/** What tools are held to, among the other rooms. */
import type { Audit } from './audit/index.ts'
import { type Config, printTools } from './config/index.ts'
import { createProposals, type Definitions, openDefinitions } from './mcp/index.ts'
import type { Clock } from './model/index.ts'
import type { Policy } from './policy/index.ts'
import type { State } from './storage/index.ts'
import type { Log, Metrics } from './telemetry/index.ts'

interface ToolParts {
  readonly config: Config
  readonly state: State
  readonly policy: Policy
  readonly audit: Audit
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

/** `propose`: where it is said what an entry could look like of a tool that has none; nowhere if left out. */
export function openTools(parts: ToolParts, propose?: (text: string) => void): Promise<Definitions> {
  const { config, state } = parts
  const { servers, downstreams } = config
  const uncovered =
    propose === undefined
      ? () => undefined
      : createProposals({ servers, downstreams, print: printTools, say: propose })
  return openDefinitions(config, { ...parts, pins: state.pins, uncovered })
}
