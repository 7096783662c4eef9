/**
 * What a person operates: the verbs of the command line as functions that take parsed words and an `Output` and give
 * an exit code. They ask a running instance over `/v1`, or read the record and the configuration themselves. What a
 * secret verb reads from standard input goes to the instance and nowhere else.
 */
export { connect, failed, revoke, sayInLog, type ScopeWords, show } from './administer.ts'
export { diffPolicies, type DiffSide } from './policy-diff.ts'
export { testPolicy } from './policy-test.ts'
export { auditStory } from './story.ts'
export { auditExport, auditQuery, auditTail, auditVerify, parseMoment } from './audit.ts'
export { type AdminEndpoint, callAdmin, findInstance, runFiles } from './client.ts'
export { exit, type ExitCode, type Output, say } from './output.ts'
export { acceptTool, listTools } from './tools.ts'
export { doctor, type Loaded } from './doctor/doctor.ts'
export type { DoctorTools, DoctorWords, ListenPlace } from './doctor/examined.ts'
export { init, type InitSteps } from './init.ts'
export { explain, type ExplainTerms, type ExplainWords } from './explain.ts'
export { type Checked, validate } from './validate.ts'
