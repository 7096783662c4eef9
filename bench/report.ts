import type { Row, Samples, Target } from './bench.ts'
import { reaches, type Spread, spreadOf } from './figures.ts'

/** How a figure is printed: its unit, and how many decimals. */
const figures: Readonly<Record<string, readonly [title: string, decimals: number]>> = {
  requestsPerSecond: ['requests/s', 0],
  cpuMicroseconds: ['CPU µs/request', 1],
  p50: ['p50 ms', 3],
  p99: ['p99 ms', 2],
  generatorCore: ['generator core', 2],
  steal: ['steal', 3],
  rss: ['RSS MB', 1],
  idle: ['idle MB', 1],
  loaded: ['loaded MB', 1],
  streams: ['with streams MB', 1],
  perStreamKb: ['KB a stream', 0],
  milliseconds: ['ms', 1],
  perSecond: ['per second', 0],
}

const titleOf = (name: string): string => figures[name]?.[0] ?? name
const shown = (name: string, value: number): string =>
  value.toLocaleString('en-US', {
    minimumFractionDigits: figures[name]?.[1] ?? 2,
    maximumFractionDigits: figures[name]?.[1] ?? 2,
  })

/** "median (min–max)", or the value alone where there is but one. */
export function spreadText(name: string, { median, min, max }: Spread): string {
  if (Number.isNaN(median)) return '–'
  return min === max
    ? shown(name, median)
    : `${shown(name, median)} (${shown(name, min)}–${shown(name, max)})`
}

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The medians of a row, a line for each contender. */
export function rowTable(samples: Samples): Table {
  const names = [
    ...new Set([...samples.values()].flatMap((each) => each.flatMap((sample) => Object.keys(sample)))),
  ]
  return {
    head: ['contender', ...names.map(titleOf)],
    rows: [...samples].map(([contender, each]) => [
      contender,
      ...names.map((name) => spreadText(name, spreadOf(each.map((sample) => sample[name] ?? Number.NaN)))),
    ]),
  }
}

const text = (value: number) => (Math.abs(value) >= 20 ? value.toFixed(0) : value.toFixed(2))

const mark = ({ better }: Target, value: number): string =>
  Number.isFinite(value) ? `${better === 'higher' ? '≥' : '≤'} ${text(value)}` : '–'

export function targetTable(targets: readonly Target[]): Table {
  return {
    head: ['figure', 'measured', 'floor', 'goal', ''],
    rows: targets.map((target) => [
      target.name,
      Number.isNaN(target.value) ? '–' : text(target.value),
      target.floor === 0 ? 'reported' : mark(target, target.floor),
      mark(target, target.goal),
      verdict(target),
    ]),
  }
}

function verdict(target: Target): string {
  if (!Number.isFinite(target.floor) || (target.floor === 0 && target.value < target.goal)) return 'reported'
  if (reaches({ ...target, floor: target.goal })) return 'goal'
  return reaches(target) ? 'floor' : 'below'
}

export function plain({ head, rows }: Table): string {
  const widths = head.map((name, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? name).length)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  return [head, ...rows].map((row) => `  ${line(row).trimEnd()}\n`).join('')
}

export function markdown({ head, rows }: Table): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |\n`
  return line(head) + line(head.map((_, column) => (column === 0 ? '---' : '---:'))) + rows.map(line).join('')
}

/** The object that `--json` prints last. */
export function jsonOf(targets: readonly Target[], slack: number): string {
  return JSON.stringify({
    targets: targets.map((target) => ({
      name: target.name,
      value: Number.isNaN(target.value) ? null : Number(target.value.toPrecision(4)),
      floor: target.floor,
      goal: target.goal,
      better: target.better,
      ok: reaches(target),
      ...(slack === 0 ? {} : { withinSlack: reaches(target, slack) }),
    })),
  })
}

export const heading = ({ name, about }: Row): string => `${name}: ${about}`
