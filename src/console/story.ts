import { type FoundLine, printable, queryRecords, valueAt } from '../audit/index.ts'
import { exit, type ExitCode, type Output, say } from './output.ts'

/**
 * `audit story <call>`: what one call was, who made it, what it did downstream and how it ended, in sentences; with `--json`
 * the lines themselves. 1 where the record has no such call.
 */
export async function auditStory(directory: string, call: string, output: Output): Promise<ExitCode> {
  const lines = await linesOf(directory, call)
  say(output, { call, lines }, () =>
    lines.length === 0 ? [`The record has no call ${printable(call)}.`] : tell(lines),
  )
  return lines.length === 0 ? exit.failed : exit.done
}

type Line = FoundLine['line']

/** Outcomes name their request only, and stand behind the intent that names the call. */
async function linesOf(directory: string, call: string): Promise<readonly Line[]> {
  const found: Line[] = []
  const requests = new Set<unknown>()
  for await (const { line } of queryRecords(directory)) {
    const { request } = line
    if (line['call'] === call) requests.add(request)
    else if (line['kind'] !== 'outcome' || !requests.has(request)) continue
    found.push(line)
  }
  return found
}

function tell(lines: readonly Line[]): readonly string[] {
  const outcomes = new Map(lines.filter(is('outcome')).map((line) => [line['request'], line]))
  const told = lines.flatMap((line) => {
    const { kind } = line
    if (kind === 'call') return [called(line)]
    if (kind === 'intent') return [intended(line, outcomes.get(line['request']))]
    if (kind === 'denial') return [denied(line)]
    return kind === 'return' ? [returned(line)] : []
  })
  return told.map(printable)
}

const is = (kind: string) => (line: Line) => line['kind'] === kind

function called(line: Line): string {
  const word = wordsOf(line)
  const trace = word('trace') === '' ? '' : ` Its trace is ${word('trace')}.`
  return (
    `${word('at')} ${word('who', 'principal', 'kind')} ${word('who', 'principal', 'subject')} of ` +
    `${word('who', 'principal', 'issuer')} called ${word('tool')} (${word('class')}) at the server ` +
    `${word('who', 'server')} with the client ${word('who', 'client')}, in the session ${word('who', 'sid')}. ` +
    `It was allowed by ${word('rule')} of policy ${word('policy')}; ` +
    `${saying(line)}the digest of its parameters is ${word('details', 'args_digest')}.${trace}${wouldBe(word)}`
  )
}

/** The parameters that may be read, as the record has them. */
function saying(line: Line): string {
  const parameters = line['parameters']
  if (typeof parameters !== 'object' || parameters === null) return ''
  const told = Object.entries(parameters).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return told.length === 0 ? '' : `it said ${told.join(', ')}; `
}

function intended(line: Line, outcome: Line | undefined): string {
  const word = wordsOf(line)
  const asked =
    `${word('at')} It did ${word('operation')} at ${word('downstream')}, as ${word('method')} ${word('path')}, ` +
    `allowed by ${word('rule')}`
  const told = outcome === undefined ? 'how that ended is not recorded' : ended(outcome)
  return `${asked}; ${told}.${wouldBe(word)}`
}

/** Of what passed because its server is observed. */
function wouldBe(word: (...path: string[]) => string): string {
  const reason = word('observed')
  return reason === ''
    ? ''
    : ` It passed because the server is observed: ${word('details', 'observed_rule')} would refuse it with ${reason}.`
}

function ended(outcome: Line): string {
  const word = wordsOf(outcome)
  const status = word('status') === '' ? 'there was no answer' : `the answer was ${word('status')}`
  const reason = word('reason') === '' ? '' : `, ${word('reason')}`
  const id = word('downstreamRequestId')
  const named = id === '' ? 'the downstream named no request' : `the downstream calls it ${id}`
  return `${status} after ${word('durationMs')} ms (${word('result')}${reason}), and ${named}`
}

function denied(line: Line): string {
  const word = wordsOf(line)
  const what = [word('method'), word('path'), word('downstream')].filter((it) => it !== '').join(' ')
  return `${word('at')} It was refused ${what === '' ? word('tool') : what}: ${word('reason')}, by ${word('rule')}.`
}

function returned(line: Line): string {
  const word = wordsOf(line)
  const status = word('status') === '' ? '' : ` with status ${word('status')}`
  const reason = word('reason') === '' ? '' : `, ${word('reason')}`
  return (
    `${word('at')} It ended after ${word('durationMs')} ms${status} (${word('result')}${reason}), having made ` +
    `${word('details', 'requests')} requests downstream.`
  )
}

function wordsOf(line: Line): (...path: string[]) => string {
  return (...path) => {
    const value = valueAt(line, path)
    return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  }
}
