/**
 * One file becomes what is in force: YAML 1.2 parsed with places, held against the schema, short forms expanded,
 * references to secrets read, everything checked against everything else, frozen. It stands on top: no room can reach
 * for it, each gets its part as an argument.
 *
 * Every fault has a file, a line, a path, what is wrong and what to do; one run says all of them, and then nothing is
 * in force. A secret never stands in a fault, in the expanded form or in the digest: there a reference stays one.
 *
 * What decides has a version, the digest of its long form: the same rules give the same version on every replica,
 * however they are written.
 */
export type { Config, VaultSlice } from './config.ts'
export { ConfigErrors } from './errors.ts'
export type { RunCommand } from './expanding.ts'
export { dataFolder, formOf, loadBoth, loadConfig, type Loaded, type LoadOptions } from './load.ts'
export { describeApi } from './openapi-api.ts'
export { readPolicyCases } from './policy-cases.ts'
export { printConfig } from './print.ts'
export { printProposal, printTools } from './proposed.ts'
export { jsonSchema } from './shape.ts'
