import { printable } from '../audit/index.ts'
import { type AdminEndpoint, callAdmin } from './client.ts'
import { failed } from './administer.ts'
import { exit, type ExitCode, type Output, say } from './output.ts'

interface Definition {
  readonly digest: string
  readonly at: number
  readonly title?: string
  readonly description?: string
  readonly text?: string
  readonly by?: string
  readonly fault?: string
}

interface ToolRow {
  readonly server: string
  readonly tool: string
  readonly class: string
  readonly state: 'pinned' | 'under_review' | 'not_seen'
  readonly pinned?: Definition
  readonly seen?: Definition
}

/** `tools list`: what each tool is held to; of one under review, both definitions, for whoever is to accept the newer. */
export async function listTools(
  words: { readonly server?: string },
  endpoint: AdminEndpoint,
  output: Output,
): Promise<ExitCode> {
  const query = words.server === undefined ? '' : `?server=${encodeURIComponent(words.server)}`
  const answer = await callAdmin(endpoint, { method: 'GET', path: `/v1/tools${query}` })
  if (answer.status >= 400) return failed(answer, output)
  const tools = answer.body['tools'] as readonly ToolRow[]
  say(output, answer.body, () => (tools.length === 0 ? ['no tools'] : tools.flatMap(linesOf)))
  return exit.done
}

export interface AcceptWords {
  readonly server: string
  readonly tool: string
  readonly digest: string
}

/** `tools accept`: the definition of this digest becomes the one that the tool is held to. */
export async function acceptTool(
  words: AcceptWords,
  endpoint: AdminEndpoint,
  output: Output,
): Promise<ExitCode> {
  const { server, tool, digest } = words
  const path = `/v1/servers/${encodeURIComponent(server)}/tools/${encodeURIComponent(tool)}/accept`
  const answer = await callAdmin(endpoint, { method: 'POST', path, body: { digest } })
  if (answer.status >= 400) return failed(answer, output)
  say(output, answer.body, () => [printable(`accepted: ${tool} of ${server} is held to ${digest}`)])
  return exit.done
}

/** What a server says goes to a terminal only with whatever does not print escaped. */
function linesOf({ server, tool, class: risk, state, pinned, seen }: ToolRow): readonly string[] {
  const words = { pinned: 'pinned', under_review: 'UNDER REVIEW', not_seen: 'not seen yet' }[state]
  const head = printable(`${server}  ${tool}  ${risk}  ${words}`)
  if (state !== 'under_review') return [pinned === undefined ? head : `${head}  ${pinned.digest}`]
  const fault = seen?.fault === undefined ? '' : `  not usable: ${seen.fault}`
  return [
    head,
    ...(pinned === undefined ? [] : [`  held to  ${pinned.digest}`, ...textOf(pinned)]),
    ...(seen === undefined ? [] : [`  now      ${seen.digest}${fault}`, ...textOf(seen)]),
  ]
}

function textOf({ text, at }: Definition): readonly string[] {
  return [
    `    since ${new Date(at * 1000).toISOString()}`,
    ...(text === undefined ? [] : [`    ${printable(text)}`]),
  ]
}
