import type { Proposal } from '../model/index.ts'
import { type ExitCode, exit, type Output, say } from './output.ts'

export interface InitWords {
  /** Where the proposal is written; to standard output if left out. */
  readonly out?: string
}

/** What `init` needs of others. Whatever is in the way is one sentence. */
export interface InitSteps {
  /** Asks the server and reads the document. */
  readonly learn: () => Promise<Proposal | string>
  /** The proposal as YAML that was seen to load. */
  readonly print: (proposal: Proposal) => Promise<string | { readonly problem: string }>
  /** @returns why nothing was written */
  readonly write: (file: string, text: string) => string | undefined
  /** For people, beside the answer. */
  readonly tell: (text: string) => void
}

/** Proposes a configuration. Exit codes: 0 proposed, 1 not. */
export async function init({ out }: InitWords, steps: InitSteps, output: Output): Promise<ExitCode> {
  const failed = (error: string): ExitCode => {
    if (output.json) output.line(JSON.stringify({ ok: false, error }))
    else steps.tell(error)
    return exit.failed
  }
  const learnt = await steps.learn()
  if (typeof learnt === 'string') return failed(learnt)
  const yaml = await steps.print(learnt)
  if (typeof yaml !== 'string') return failed(yaml.problem)
  const problem = out === undefined ? undefined : steps.write(out, yaml)
  if (problem !== undefined) return failed(problem)
  const next = nextSteps(learnt, out)
  if (output.json) {
    say(output, answerOf(learnt, { yaml, out, next }), () => [])
    return exit.done
  }
  if (out === undefined) output.line(yaml.trimEnd())
  for (const line of ['', ...next]) steps.tell(line)
  return exit.done
}

interface Printed {
  readonly yaml: string
  readonly out: string | undefined
  readonly next: readonly string[]
}

function answerOf(
  { server, tools, leftOut, downstream }: Proposal,
  { yaml, out, next }: Printed,
): Readonly<Record<string, unknown>> {
  return { ok: true, server, tools, leftOut, downstream, yaml, ...(out === undefined ? {} : { out }), next }
}

function nextSteps({ tools }: Proposal, out: string | undefined): readonly string[] {
  const file = out ?? 'sallyport.yaml'
  const never = tools.filter((tool) => tool.class === 'never').length
  return [
    `${tools.length} tools: ${tools.length - never} proposed, ${never} never until somebody has looked. Next:`,
    `  1. Read ${file}; say under allow whom it is for, and what the tools of class never may do.`,
    `  2. sallyport validate --form dev --config ${file}`,
    `  3. sallyport dev --config ${file}`,
  ]
}
