import type { Facts, ReasonCode } from '../model/index.ts'

type Remedy = (rule: string, facts: Facts) => string

/** What would change a denial, for whoever may change the configuration. Of others nothing but another caller would. */
const remedies: Partial<Record<ReasonCode, Remedy>> = {
  token_tenant_refused: () => 'a principal of this tenant',
  server_unknown: () => 'an entry for this server under servers',
  denied_by_rule: (rule) => `another rule at ${rule}, or somebody or something that it does not name`,
  groups_incomplete: () => 'a token whose list of groups is whole (login.groups)',
  fact_absent: (rule) => `a caller or call that has what ${rule} asks about, or another rule there`,
  not_allowed: (rule) => `a rule at ${rule} that this meets, or a caller whom one of them names`,
  downstream_unknown: () => 'an entry for this downstream under downstreams',
  downstream_not_granted: (rule) =>
    `a token that names the resource of ${rule}, and a use of it at this server`,
  operation_unknown: (rule) => `an operation at ${rule} that this method and path are`,
  class_never: (rule) => `another class at ${rule}`,
  class_exceeded: (rule) => `a class at ${rule} as high as that of the operation, or another tool`,
  critical_needs_call: () => 'a call of a tool that uses the operation',
  sensitive_needs_call: () => 'a call of a tool that uses the operation',
  sensitive_needs_group: (rule) => `a rule at ${rule} that names a group of the principal`,
  direct_not_listed: (rule) => `the operation at ${rule}, or a call of a tool that uses it`,
  tool_unknown: (rule, { tool }) => `an entry for ${tool ?? 'the tool'} at ${rule}`,
  tool_does_not_use: (rule) => `the operation at ${rule}`,
  tool_under_review: () =>
    'an administrator who accepts the definition: sallyport tools list, sallyport tools accept',
  tool_confirm_unavailable: (rule) => `no ${rule}; people cannot be asked in this version`,
  tool_approval_unavailable: (rule) => `no ${rule}; people cannot be asked in this version`,
}

export function remedyFor(reason: ReasonCode, rule: string, facts: Facts): string | undefined {
  return remedies[reason]?.(rule, facts)
}
