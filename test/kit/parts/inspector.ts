import { fileURLToPath } from 'node:url'
import { obtainPackages } from './packages.ts'

const source = fileURLToPath(new URL('../inspector', import.meta.url))

/** The folder in whose node_modules the MCP Inspector is. */
export const obtainInspector = (): Promise<string | undefined> =>
  obtainPackages({ what: 'MCP Inspector', name: 'mcp-inspector', source })
