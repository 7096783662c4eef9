/** Servers that are programs of ours, among the other rooms (`sallyport run`). */
import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Audit } from './audit/index.ts'
import type { Config } from './config/index.ts'
import { type Access, type Clock, type ErrorCode, SallyportError } from './model/index.ts'
import type { Policy } from './policy/index.ts'
import type { Replica } from './revocation/index.ts'
import { createStdio, findProgram, type Stdio, type StdioDeps } from './stdio/index.ts'
import type { Log, Metrics } from './telemetry/index.ts'

interface StdioParts {
  readonly config: Config
  readonly replica: Replica
  readonly policy: Policy
  readonly audit: Audit
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
}

/** How long a child has after SIGTERM, and when an answer that takes long becomes an event stream. */
const graceMs = 2000
const openAfterMs = 1000
/** A path of a Unix socket has 104 bytes at most, on some systems. */
const longestFolder = 64

/** Of a configuration that has any. @throws config_invalid where there is no such program */
export function openStdio(parts: StdioParts, others: Pick<StdioDeps, 'isOpen' | 'egress'>): Stdio {
  const { config, replica, clock, random } = parts
  const programs = config.servers.flatMap(({ stdio }) => stdio ?? [])
  const path = programs[0]?.env['PATH'] ?? '/usr/bin:/bin'
  for (const { command } of programs) checkProgram(command, path)
  const { limits } = config
  return createStdio(
    {
      path,
      messageBytes: limits.messageBytes,
      children: limits.children,
      childrenOfOne: Math.ceil(limits.children / 4),
      idleMs: limits.childIdle * 1000,
      startMs: limits.headersTimeout * 1000,
      answerMs: limits.call * 1000,
      graceMs,
      openAfterMs,
    },
    {
      ...parts,
      ...others,
      folder: socketFolder(),
      live: replica.live,
      gate: replica.gate,
      refused: (access, code, request) => recordRefused(access, { code, request }, parts),
      newRequestId: randomUUID,
      newSessionId: randomUUID,
      newCapability: () => random(32).toString('base64url'),
      now: clock.monotonic,
    },
  )
}

function checkProgram([name = '']: readonly string[], path: string): void {
  if (findProgram(name, path) !== undefined) return
  throw new SallyportError('config_invalid', {
    field: 'the command of run',
    remedy: `there is no program ${name} that may be run`,
  })
}

/** Nobody else may look into it. */
function socketFolder(): string {
  const usual = tmpdir()
  return mkdtempSync(join(usual.length > longestFolder ? '/tmp' : usual, 'sallyport-'))
}

/** What a child tries at its socket is no request of a call yet, so that the egress would not tell. */
function recordRefused(
  { session, jti }: Access,
  { code, request }: { readonly code: ErrorCode; readonly request: string },
  { audit, policy, log }: StdioParts,
): void {
  const { principal, client, server, sid } = session
  const who = { principal, client, server, sid, jti }
  const decided = { decision: 'deny', reason: code, rule: 'socket', policy: policy.version } as const
  audit.note({ kind: 'denial', request, who, ...decided }, 'handed').catch((error: unknown) => {
    log.error('denial_not_recorded', { request }, error)
  })
}
