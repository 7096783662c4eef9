/**
 * Who may do what: the configured rules compiled once, and one pure function that decides for egress, gateway,
 * `explain` and tests (design §5). No clock, no I/O, no state.
 * Beside it, what calls may use up (`budgets/`): that is state, told the time, and asked by the gateway alone.
 *
 * Deny wins, nothing matching is deny, and a fact that is absent or truncated makes a deny rule deny and an allow
 * rule not match. Every outcome carries a reason code of the error table and the place of the rule that made it,
 * such as `servers.crm.deny[0]`.
 *
 * What never leaves: the means to make a `Permit`. Other rooms know its type only, so what nobody decided cannot be
 * sent. A replica may assume that the same facts and the same bundle version give the same decision everywhere.
 */
export {
  type BudgetedCall,
  type Budgets,
  type Cap,
  type CapKey,
  capKeys,
  type Taken,
} from './budgets/budgets.ts'
export { type BudgetsInput, createBudgets } from './budgets/in-memory.ts'
export { compilePolicy } from './compile.ts'
export { type Binding, completeUse, type HeldUse, pathParameters, type Source } from './held-use.ts'
export { parseParameter, parsePart, type Part, partKey, type Pointer } from './parts.ts'
export { decodePath, operationId, parseTemplate } from './template.ts'
export type { Permit } from './permit.ts'
export type { Explanation, Policy } from './policy.ts'
export { isUnderReview } from './review.ts'
