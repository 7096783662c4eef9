import { z } from 'zod'
import { parseParameter } from '../../policy/index.ts'
import { parseName, parseRule, ruleKinds } from '../rule-names.ts'
import { checked, slug } from './scalars.ts'

const remedy = 'write "group:…", "user:…", "client:…", "workload:…", "class:…", "label:…", "tool:…" or anyone'

const ruleText = checked((text) => {
  const rule = parseRule(text)
  return typeof rule === 'string' ? rule : undefined
}, remedy)

/** Names of one kind: one of them has to be the one. */
function names(kind: (typeof ruleKinds)[number], described: string) {
  const name = checked((text) => {
    const parsed = parseName(kind, text)
    return typeof parsed === 'string' ? parsed : undefined
  }, `write the name of a ${kind}`)
  return z
    .union([name, z.array(name).min(1)])
    .optional()
    .describe(described)
}

const value = z.union([z.string(), z.number(), z.boolean(), z.null()])
const test = z.union([
  value,
  z.array(value).min(1),
  z
    .strictObject({
      is: z
        .union([value, z.array(value).min(1)])
        .optional()
        .describe('This value, or one of these.'),
      above: z.number().optional(),
      below: z.number().optional(),
      least: z.number().optional().describe('This number or more.'),
      most: z.number().optional().describe('This number or less.'),
      begins: z.string().min(1).optional().describe('A text that begins with this.'),
      present: z.boolean().optional().describe('Whether the call has the parameter at all.'),
    })
    .refine((it) => Object.keys(it).length > 0, {
      message: 'this tests nothing',
      params: { remedy: 'write is, above, below, least, most, begins or present' },
    }),
])

export const parameter = checked((text) => {
  const parsed = parseParameter(text)
  return typeof parsed === 'string' ? parsed : undefined
}, 'write the name of a parameter, or a JSON Pointer that begins with /')

const ruleMap = z
  .strictObject({
    group: names('group', 'Whoever has one of these groups.'),
    user: names('user', 'One of these people.'),
    client: names('client', 'Whoever comes with one of these clients.'),
    workload: names('workload', 'One of these workloads.'),
    tenant: names('tenant', 'Principals of this tenant.'),
    environment: names('environment', 'Where the server has this environment.'),
    workflow: names('workflow', 'Whoever works in one of these workflows, by the claim configured for it.'),
    class: names('class', 'Tools of one of these classes; without a tool, operations of it.'),
    label: names('label', 'Tools with one of these labels.'),
    tool: names('tool', 'These tools.'),
    where: z
      .record(parameter, test)
      .optional()
      .describe(
        'Parameters of the call, by name or by JSON Pointer: `{ amount: { above: 500 }, currency: [EUR, USD] }`. All have to hold.',
      ),
  })
  .refine((it) => Object.keys(it).length > 0, {
    message: 'this rule names nothing',
    params: { remedy: 'write anyone, or what it names' },
  })
  // `- group: crm` is what YAML makes of `- group:crm` with one blank too many.
  .refine((it) => Object.keys(it).length !== 1 || typeof Object.values(it)[0] !== 'string', {
    message: 'a text is expected, and this is a map of one key',
    params: { remedy: 'put it in quotes' },
  })

export const rule = z.union([ruleText, ruleMap])
export const labels = z.array(slug).optional()

export type WrittenRule = z.infer<typeof rule>
export type RuleMap = Exclude<WrittenRule, string>
export type WhereTest = NonNullable<RuleMap['where']>[string]
