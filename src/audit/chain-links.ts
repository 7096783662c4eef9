import type { Anchor } from './anchor.ts'
import type { ChainFacts } from './chain-check.ts'
import type { Place } from './line-order.ts'
import type { Through } from './lines.ts'
import type { Findings } from './report.ts'
import { ordinalOf } from './segments.ts'

/**
 * Whether the chains fit each other and the anchors: each names how the one before ended, retention says up to
 * where all is deleted, and an anchor knows how far a chain had come.
 */
export function checkLinks(
  chains: readonly ChainFacts[],
  anchors: readonly Anchor[] | undefined,
  findings: Findings,
): void {
  const through = latestThrough(chains)
  for (const [index, chain] of chains.entries()) {
    checkStart(chain, chains[index - 1], { through, findings })
    checkEnd(chain, chains[index + 1], findings)
  }
  for (const anchor of anchors ?? []) checkAnchor(anchor, chains, { through, findings })
  if (anchors === undefined) return
  const anchored = new Set(anchors.map(({ chain }) => chain))
  for (const { chain, place } of chains) {
    if (!anchored.has(chain)) findings.notice(place, 'not-anchored', `Chain ${chain} has no anchor.`)
  }
}

interface Known {
  readonly through: Through | undefined
  readonly findings: Findings
}

function latestThrough(chains: readonly ChainFacts[]): Through | undefined {
  return chains
    .flatMap(({ through }) => through ?? [])
    .sort((a, b) => (a.chain === b.chain ? a.n - b.n : a.chain < b.chain ? -1 : 1))
    .at(-1)
}

/** Whether retention deleted everything up to this line. */
function deleted(chain: string, n: number, through: Through | undefined): boolean {
  return through !== undefined && (chain < through.chain || (chain === through.chain && n <= through.n))
}

function checkStart(chain: ChainFacts, before: ChainFacts | undefined, { through, findings }: Known): void {
  const at: Place = { file: chain.place.file, line: 1 }
  if (chain.start === undefined) {
    findings.problem(at, 'removed-lines', 'The file has no line of a record.')
    return
  }
  if (chain.start.n > 0) {
    checkCutStart(chain, chain.start, { through, findings })
    return
  }
  const { previous } = chain
  if (previous === undefined) return
  if (previous === null) {
    if (before !== undefined)
      findings.problem(
        at,
        'forked-chain',
        `Chain ${chain.chain} does not continue chain ${before.chain}, which was there.`,
      )
    else if (ordinalOf(chain.chain) > 1)
      findings.problem(at, 'missing-chain', `Chains before ${chain.chain} are missing.`)
    return
  }
  if (before?.chain === previous.chain) return
  if (before !== undefined && before.chain > previous.chain) {
    findings.problem(
      at,
      'forked-chain',
      `Chain ${chain.chain} continues ${previous.chain}, not ${before.chain}, which came after that.`,
    )
  } else if (deleted(previous.chain, previous.n, through)) {
    findings.notice(
      at,
      'deleted-by-retention',
      `Everything before chain ${chain.chain} was deleted by retention.`,
    )
  } else {
    findings.problem(
      at,
      'missing-chain',
      `Chain ${previous.chain}, which chain ${chain.chain} continues, is missing.`,
    )
  }
}

function checkCutStart(
  chain: ChainFacts,
  start: { n: number; prev: string },
  { through, findings }: Known,
): void {
  const at: Place = { file: chain.place.file, line: 1 }
  const exact = through?.chain === chain.chain && through.n === start.n - 1
  if (deleted(chain.chain, start.n - 1, through) && (!exact || through.hash === start.prev)) {
    findings.notice(at, 'deleted-by-retention', `Lines before number ${start.n} were deleted by retention.`)
  } else {
    findings.problem(
      at,
      'removed-lines',
      `Chain ${chain.chain} begins with line number ${start.n}: the lines before it are missing.`,
    )
  }
}

function checkEnd(chain: ChainFacts, next: ChainFacts | undefined, findings: Findings): void {
  const found = next?.previous?.chain === chain.chain ? next.previous : undefined
  if (!chain.closed) {
    findings.notice(
      chain.place,
      'open-ended',
      next === undefined
        ? `Chain ${chain.chain} is being written, or its process died.`
        : `The process of chain ${chain.chain} died without closing it.`,
    )
  }
  if (found !== undefined) checkFoundEnd(chain, found, findings)
  const { torn } = chain
  if (torn === undefined) return
  const asFound =
    found === undefined ? torn.lines === 1 : found.torn?.bytes === torn.bytes && found.torn.hash === torn.hash
  if (asFound && !chain.closed)
    findings.notice(
      torn.place,
      'torn-line',
      `${torn.bytes} bytes of an unfinished write, never acknowledged, stand at the end.`,
    )
  else
    findings.problem(
      torn.place,
      'tampered-line',
      'What stands at the end of the chain is no line of a record.',
    )
}

/** The next chain's genesis says how it found this one. */
function checkFoundEnd(
  chain: ChainFacts,
  found: NonNullable<ChainFacts['previous']>,
  findings: Findings,
): void {
  if (chain.end.n < found.n) {
    findings.problem(
      chain.place,
      'truncated',
      `Chain ${chain.chain} ends with line number ${chain.end.n}; the next chain found it to end with number ${found.n}.`,
    )
  } else if (chain.end.n > found.n) {
    findings.problem(
      chain.place,
      'forked-chain',
      `Chain ${chain.chain} was written on after line number ${found.n}, where the next chain found it to end.`,
    )
  } else if (chain.end.hash !== found.hash) {
    findings.problem(
      chain.place,
      'tampered-line',
      `The last line of chain ${chain.chain} is not the one that the next chain found.`,
    )
  }
  if (found.torn !== undefined && chain.torn === undefined) {
    findings.problem(
      chain.place,
      'truncated',
      'The unfinished write that the next chain found at the end is gone.',
    )
  }
}

function checkAnchor(anchor: Anchor, chains: readonly ChainFacts[], { through, findings }: Known): void {
  if (deleted(anchor.chain, anchor.n, through)) return
  const chain = chains.find((candidate) => candidate.chain === anchor.chain)
  if (chain === undefined) {
    findings.problem({ file: '', line: 0 }, 'missing-chain', `Chain ${anchor.chain} is anchored but missing.`)
  } else if (chain.end.n < anchor.n) {
    findings.problem(
      chain.place,
      'truncated',
      `Chain ${chain.chain} ends with line number ${chain.end.n}, but number ${anchor.n} was anchored.`,
    )
  } else if (anchor.closed && !chain.closed) {
    findings.problem(
      chain.place,
      'truncated',
      `Chain ${chain.chain} was anchored as closed, but its last line is not there.`,
    )
  }
}
