import { fileURLToPath } from 'node:url'
import { obtainPackages } from './packages.ts'

const source = fileURLToPath(new URL('../../conformance/suite', import.meta.url))

/** The folder in whose node_modules the MCP conformance suite is, and the SDK of the server that it is run against. */
export const obtainConformanceSuite = (): Promise<string | undefined> =>
  obtainPackages({ what: 'MCP conformance suite', name: 'mcp-conformance', source })
