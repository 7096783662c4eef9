import type { KeyObject } from 'node:crypto'
import { statSync } from 'node:fs'
import type { Anchor } from './anchor.ts'
import { ChainCheck, type ChainFacts } from './chain-check.ts'
import { checkLinks } from './chain-links.ts'
import { importKey, type PublicKeyJwk } from './keys.ts'
import { readFirst, readLines } from './read.ts'
import { type ChainReport, Findings, type Report } from './report.ts'
import { listSegments, type SegmentFile } from './segments.ts'
import { SignatureCheck } from './signature-check.ts'

export interface VerifyOptions {
  /** Heads kept outside of the files. Without them a cut-off end of the newest chain does not show. */
  readonly anchors?: readonly Anchor[]
  /** Public keys that may sign. Without them and without anchors each chain is believed the key that it names. */
  readonly trustedKeys?: readonly PublicKeyJwk[]
  readonly onProgress?: (progress: {
    readonly file: string
    readonly bytes: number
    readonly totalBytes: number
  }) => void
}

/**
 * Verify all chains of a directory, offline: needs the files, and nothing of the running process. Reads everything
 * once, in bounded memory. Whoever can write the files cannot make this report `ok` again after altering a line
 * that a signed head covers; what follows the last head is only as safe as its anchor.
 * @throws what the file system throws
 */
export async function verifyRecords(directory: string, options: VerifyOptions = {}): Promise<Report> {
  const segments = listSegments(directory)
  const findings = new Findings()
  const progress = createProgress(segments, options)
  const trusted = importKeys(options.trustedKeys)
  const facts: ChainFacts[] = []
  const reports: ChainReport[] = []
  for (const files of byChain(segments)) {
    const before = findings.count
    const chain = await verifyChain(files, { options, trusted, findings, progress })
    facts.push(chain)
    const { closed, lines, from, to, key } = chain
    const state = closed ? 'closed' : 'open'
    reports.push({
      chain: chain.chain,
      files: files.length,
      lines,
      state,
      from,
      to,
      key,
      problems: findings.count - before,
    })
  }
  const known = findings.problems.length
  checkLinks(facts, options.anchors, findings)
  const late = findings.problems.slice(known)
  if (trusted === undefined && options.anchors === undefined && facts.length > 0) {
    findings.notice(
      { file: '', line: 0 },
      'key-not-checked',
      'No trusted key was given: each chain was believed the key that it names.',
    )
  }
  const chains = reports.map((report) => ({
    ...report,
    problems: report.problems + late.filter(({ file }) => file.startsWith(`${report.chain}.`)).length,
  }))
  const lines = chains.reduce((sum, chain) => sum + chain.lines, 0)
  const { problems, notices, moreProblems } = findings
  return { ok: problems.length === 0, lines, chains, problems, moreProblems, notices }
}

interface VerifyDeps {
  readonly options: VerifyOptions
  readonly trusted: ReadonlyMap<string, KeyObject> | undefined
  readonly findings: Findings
  readonly progress: (file: string, bytes: number) => void
}

async function verifyChain(files: readonly SegmentFile[], deps: VerifyDeps): Promise<ChainFacts> {
  const { findings, options } = deps
  const chain = files[0]?.chain ?? ''
  const anchors = (options.anchors ?? []).filter((anchor) => anchor.chain === chain)
  const signatures = new SignatureCheck(chain, { trusted: deps.trusted, anchored: anchors[0]?.key }, findings)
  const anchored = new Map(anchors.map(({ n, hash }) => [n, hash]))
  const check = new ChainCheck(chain, { findings, signatures, anchored })
  for (const [index, { file, path }] of files.entries()) {
    const next = files[index + 1]
    const nextFirst = next === undefined ? undefined : (await readFirst(next.path))?.n
    check.startFile({ file, nextFirst })
    for await (const lines of readLines(path)) {
      let bytes = 0
      for (const line of lines) {
        check.line(line)
        bytes += line.bytes.length + 1
      }
      deps.progress(file, bytes)
    }
    if (next !== undefined) check.endFile()
  }
  const facts = check.finish()
  if (!facts.closed && signatures.unsignedFrom !== undefined) {
    const tail = facts.end.n - signatures.unsignedFrom + 1
    findings.notice(
      facts.place,
      'unsigned-tail',
      `The last ${tail} lines of chain ${chain} are hashed but not signed.`,
    )
  }
  return facts
}

function byChain(segments: readonly SegmentFile[]): readonly (readonly SegmentFile[])[] {
  return [...Map.groupBy(segments, ({ chain }) => chain).values()]
}

function importKeys(jwks: readonly PublicKeyJwk[] | undefined): ReadonlyMap<string, KeyObject> | undefined {
  if (jwks === undefined) return undefined
  return new Map(jwks.flatMap((jwk) => importKey(jwk) ?? []).map(({ thumbprint, key }) => [thumbprint, key]))
}

function createProgress(
  segments: readonly SegmentFile[],
  { onProgress }: VerifyOptions,
): VerifyDeps['progress'] {
  if (onProgress === undefined) return () => undefined
  const totalBytes = segments.reduce((sum, { path }) => sum + statSync(path).size, 0)
  let done = 0
  return (file, bytes) => {
    done += bytes
    onProgress({ file, bytes: done, totalBytes })
  }
}
