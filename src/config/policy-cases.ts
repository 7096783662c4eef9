import { z } from 'zod'
import { readDocument } from './document.ts'
import { present } from './expanding.ts'
import { createReport } from './report.ts'
import { riskClass } from './schema/scalars.ts'

const text = z.string().min(1).max(512)

const policyCase = z.strictObject({
  name: text,
  server: text.optional(),
  user: text.optional(),
  workload: text.optional(),
  issuer: text.optional(),
  groups: z.array(text).optional(),
  groups_incomplete: z.boolean().optional(),
  client: text.optional(),
  workflow: text.optional(),
  tool: text.optional(),
  class: riskClass.optional(),
  args: z.record(z.string(), z.unknown()).optional(),
  downstream: text.optional(),
  method: text.optional(),
  path: z.string().startsWith('/').optional(),
  request: text.optional(),
  body: z.string().max(65_536).optional(),
  type: text.optional(),
  expect: text,
})

/** A file of questions for `test`, each with the answer that is expected. @throws ConfigErrors */
export function readPolicyCases(content: string, file: string) {
  const document = readDocument(content, file)
  const report = createReport(document)
  const parsed = z.array(policyCase).min(1).safeParse(document.value)
  for (const { path, code } of parsed.error?.issues ?? []) {
    const place = path.filter((part) => typeof part !== 'symbol')
    report.fault(place, `this is not as expected (${code})`, 'write the questions as docs/policy.md has them')
  }
  report.settle()
  return (parsed.data ?? []).map(({ groups = [], groups_incomplete: groupsIncomplete, args, ...rest }) => ({
    ...present(rest),
    ...(groupsIncomplete === undefined ? {} : { groupsIncomplete }),
    ...(args === undefined ? {} : { args: JSON.stringify(args) }),
    groups,
  }))
}
