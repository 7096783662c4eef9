import type { BudgetsInput, Cap } from '../policy/index.ts'
import { seconds } from '../model/index.ts'
import type { Path } from './document.ts'
import type { Expanded, ExpandedCap, ExpandedLoops } from './expanded.ts'
import { present } from './expanding.ts'
import type { Report } from './report.ts'
import type { WrittenConfig } from './schema/root.ts'
import { inSeconds, parseRate } from './texts.ts'

type WrittenCaps = NonNullable<WrittenConfig['caps']>

/** What nobody needs who is no machine gone wild: it holds where nothing else is said of it. */
const defaultConcurrent = 100

export function expandCaps(written: WrittenCaps | undefined): readonly ExpandedCap[] {
  return (written ?? []).map(({ per, ...numbers }) => ({
    per: typeof per === 'string' ? [per] : per,
    ...present(numbers),
  }))
}

/** Those of all servers together: every principal has an end, a written one or the usual one. */
export function expandCommonCaps(written: WrittenCaps | undefined): readonly ExpandedCap[] {
  const caps = expandCaps(written)
  const held = caps.some(({ per, concurrent }) => per.join() === 'principal' && concurrent !== undefined)
  return held ? caps : [...caps, { per: ['principal'], concurrent: defaultConcurrent }]
}

export function expandLoops(written: WrittenConfig['loops']): ExpandedLoops {
  if (written === 'off') return written
  return { same: written?.same ?? 20, within: inSeconds(written?.within ?? '1m') }
}

/** A cap that would never hold anything is a fault: whoever wrote it believes that it does. */
export function checkCaps({ caps, servers, loops }: Expanded, report: Report): void {
  checkList(caps, ['caps'], report)
  for (const [name, server] of Object.entries(servers))
    checkList(server.caps, ['servers', name, 'caps'], report)
  if (loops !== 'off' && (loops.within < 1 || loops.within > 3600))
    report.fault(['loops', 'within'], 'this span of time is out of range', 'give 1s to 3600s')
}

function checkList(caps: readonly ExpandedCap[], place: Path, report: Report): void {
  for (const [index, { per, ...numbers }] of caps.entries()) {
    if (Object.keys(numbers).length === 0)
      report.fault([...place, index], 'this cap limits nothing', 'give calls, concurrent, daily or effects')
    if (new Set(per).size < per.length)
      report.fault([...place, index, 'per'], 'a word stands twice here', 'name each once')
  }
}

/** What the gateway counts by: caps of all servers first, then those of each. */
export function resolveCaps({ caps, servers, loops }: Expanded): BudgetsInput {
  const ofServers = Object.entries(servers).flatMap(([server, one]) =>
    one.caps.map((cap, index) => ({ ...resolveCap(cap, `servers.${server}.caps[${index}]`), server })),
  )
  return {
    caps: [...caps.map((cap, index) => resolveCap(cap, `caps[${index}]`)), ...ofServers],
    ...(loops === 'off' ? {} : { loops: { same: loops.same, within: seconds(loops.within) } }),
  }
}

function resolveCap({ calls, ...cap }: ExpandedCap, place: string): Cap {
  const rate = calls === undefined ? undefined : parseRate(calls)
  if (rate === undefined || typeof rate === 'string') return { place, ...cap }
  return { place, ...cap, calls: { count: rate.count, withinMs: rate.within * 1000 } }
}
