import {
  exportRecords,
  type FoundLine,
  printable,
  queryRecords,
  type RecordFilter,
  type Report,
  tailRecords,
  type TailOptions,
  valueAt,
  verifyRecords,
  type VerifyOptions,
} from '../audit/index.ts'
import { exit, type ExitCode, type Output, say } from './output.ts'

/**
 * `audit verify`: 0 if no problem was found, 1 otherwise. Problems first, each with its file and line; notices are
 * what can happen to an honest record.
 */
export async function auditVerify(
  directory: string,
  options: Omit<VerifyOptions, 'onProgress'>,
  output: Output,
): Promise<ExitCode> {
  const onProgress = createProgress(output)
  const report = await verifyRecords(directory, { ...options, onProgress })
  say(output, report, () => describeReport(report))
  return report.ok ? exit.done : exit.failed
}

/** `audit query`: the lines that match, oldest first. */
export async function auditQuery(directory: string, filter: RecordFilter, output: Output): Promise<ExitCode> {
  for await (const found of queryRecords(directory, filter)) output.line(show(found, output))
  return exit.done
}

/** `audit tail`: the last lines, and with `follow` those that come until the signal is aborted. */
export async function auditTail(directory: string, options: TailOptions, output: Output): Promise<ExitCode> {
  for await (const found of tailRecords(directory, options)) output.line(show(found, output))
  return exit.done
}

/** `audit export`: the lines as they stand, byte for byte. */
export async function auditExport(
  directory: string,
  options: { readonly format: 'jsonl'; readonly filter?: RecordFilter },
  output: Output,
): Promise<ExitCode> {
  for await (const text of exportRecords(directory, options)) output.line(text)
  return exit.done
}

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A moment as people give it: ISO 8601, or an age as `15m`, `24h`, `7d`. In milliseconds; undefined if neither. */
export function parseMoment(text: string, nowMs: number): number | undefined {
  const age = /^(\d{1,6})([smhd])$/.exec(text)
  if (age !== null) return nowMs - Number(age[1]) * units[age[2] as keyof typeof units]
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

/** Lines of the record are ASCII as they stand; for people they are unpacked, and what does not print is escaped. */
function show(found: FoundLine, output: Output): string {
  return output.json ? found.text : printable(describeLine(found.line))
}

/** One line of the record in one line of text. */
function describeLine(line: FoundLine['line']): string {
  const word = (...path: string[]) => shortText(valueAt(line, path))
  const labelled = (label: string, ...path: string[]) => {
    const value = word(...path)
    return value === '' ? '' : `${label} ${value}`
  }
  const parts = [
    word('at'),
    word('kind').padEnd(10),
    word('who', 'principal', 'subject') || '-',
    labelled('via', 'who', 'client'),
    labelled('at', 'who', 'server'),
    labelled('tool', 'tool'),
    word('downstream'),
    word('operation') || [word('method'), word('path')].filter((part) => part !== '').join(' '),
    word('class'),
    word('decision'),
    word('reason'),
    word('result'),
    word('status'),
    labelled('ms', 'durationMs'),
    labelled('request', 'request'),
    labelled('of', 'of'),
  ]
  return parts.filter((part) => part !== '').join('  ')
}

function shortText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : ''
}

function describeReport(report: Report): readonly string[] {
  const chains = report.chains.map(
    ({ chain, state, lines, files, from, to, problems }) =>
      `${chain}  ${state.padEnd(6)}  ${lines} lines in ${count(files, 'file')}  ${from} to ${to}` +
      (problems === 0 ? '' : `  ${count(problems, 'problem')}`),
  )
  const place = ({ file, line }: { file: string; line: number }) =>
    file === '' ? '' : `  (${file}${line > 0 ? `, line ${line}` : ''})`
  const problems = report.problems.map(
    (problem) => `problem  ${problem.code}: ${problem.sentence}${place(problem)}`,
  )
  const more = report.moreProblems === 0 ? [] : [`and ${report.moreProblems} more problems`]
  const notices = report.notices.map((notice) => `notice  ${notice.code}: ${notice.sentence}${place(notice)}`)
  const verdict = report.ok
    ? `The record is whole: ${report.lines} lines in ${count(report.chains.length, 'chain')}.`
    : 'The record is NOT whole.'
  return [...chains, ...problems, ...more, ...notices, verdict].map(printable)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function createProgress(output: Output): NonNullable<VerifyOptions['onProgress']> {
  const step = 256 * 1024 * 1024
  let next = step
  return ({ bytes, totalBytes }) => {
    if (bytes < next) return
    next = bytes + step
    output.progress(`verified ${Math.floor((100 * bytes) / Math.max(1, totalBytes))} %`)
  }
}
