/** What has to hold before a figure counts: no target is met by leaving out a check. */
import { createReadStream, readdirSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Contender, injectedValue, type Peer } from './peers/peer.ts'
import type { SallyportContender } from './peers/sallyport.ts'
import { withJunkSignature } from './tokens.ts'

interface Answer {
  readonly status: number
  readonly text: string
}

async function ask(
  contender: Contender,
  path: string,
  options: { token?: string; method?: string } = {},
): Promise<Answer> {
  const { origin, path: full, headers } = contender.aim(path, options.token)
  const answer = await fetch(origin + full, { headers, method: options.method ?? 'GET' })
  return { status: answer.status, text: await answer.text() }
}

const tokenOf = (contender: Contender): string => {
  const { Authorization, 'X-Vault-Token': vault } = contender.aim('/').headers
  return Authorization?.replace('Bearer ', '') ?? vault ?? ''
}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

/** The credential is put in, the caller's token does not arrive, and a signature that nobody made is refused. */
export async function checkBefore(peer: Peer, contender: Contender): Promise<void> {
  if (peer.injects !== undefined) await checkInjection(peer.name, peer.injects, contender)
  const echo = await ask(contender, '/echo')
  if (peer.withholds === true) {
    must(echo.status === 502, `${peer.name} answered ${echo.status} to a reflected credential`)
    must(!echo.text.includes(injectedValue), `${peer.name} passes the credential on`)
  } else {
    must(echo.status === 200, `${peer.name}: /echo answered ${echo.status} ${echo.text}`)
    const passed = peer.injects !== undefined && echo.text.includes(tokenOf(contender))
    must(!passed, `${peer.name} passes the caller's token on`)
  }
  if (!peer.verifies) return
  const { status } = await ask(contender, '/echo', { token: withJunkSignature(tokenOf(contender)) })
  must(status === 401 || status === 403, `${peer.name} answered ${status} to a bad signature`)
}

/** By digest, so that an answer that is searched for the credential can say it too. */
async function checkInjection(
  name: string,
  injected: { readonly header: string; readonly value: string },
  contender: Contender,
): Promise<void> {
  const { status, text } = await ask(contender, '/digest')
  must(status === 200, `${name}: /digest answered ${status} ${text}`)
  const seen = Object.entries(JSON.parse(text) as Record<string, string>)
  const digest = seen.find(([each]) => each.toLowerCase() === injected.header)?.[1]
  must(
    digest === createHash('sha256').update(injected.value).digest('hex'),
    `${name} does not inject: ${text}`,
  )
}

/** Requests that must be refused, and with what: without a token, with junk, critical, and what is not listed. */
const refusals = [
  { path: '/small', method: 'GET', token: 'junk', status: 401 },
  { path: '/small', method: 'DELETE', status: 403 },
  { path: '/unlisted', method: 'GET', status: 403 },
] as const

/** How many of the refusals leave a denial in the record: those of a known session. */
export const recordedRefusals = 2

/** Asked before and after the load: what must be refused is refused, also by a process that is hot. */
export async function checkDenied(contender: Contender): Promise<void> {
  for (const { path, method, status: wanted, ...rest } of refusals) {
    const { status } = await ask(contender, path, { method, ...rest })
    must(status === wanted, `sallyport answered ${status} to ${method} ${path}, not ${wanted}`)
  }
}

export interface Recorded {
  readonly intents: number
  readonly outcomes: number
  readonly denials: number
  readonly mints: number
}

/**
 * The record of a process that has ended: as many intents as requests that the upstream saw, an outcome for each, every
 * denial, and a chain that verifies by the program's own verb.
 * @throws Error naming what does not hold
 */
export async function checkRecord(
  cli: string,
  contender: Pick<SallyportContender, 'data'>,
  expected: { readonly served: number; readonly denials: number; readonly abandoned: number },
): Promise<Recorded> {
  const found = await countRecords(join(contender.data, 'records'))
  must(found.intents === found.outcomes, `${found.intents} intents and ${found.outcomes} outcomes`)
  // A caller that left between the intent and the write leaves an intent for which the upstream saw nothing.
  const missing = expected.served - found.intents
  must(
    missing <= 0 && -missing <= expected.abandoned,
    `${found.intents} intents for ${expected.served} requests that the upstream served`,
  )
  must(found.denials === expected.denials, `${found.denials} denials recorded, not ${expected.denials}`)
  const verify = spawn(process.execPath, [cli, 'audit', 'verify', '--data', contender.data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: Buffer[] = []
  verify.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  verify.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(verify, 'close')) as [number | null]
  must(code === 0, `audit verify ended with ${code}: ${Buffer.concat(chunks).toString()}`)
  return found
}

async function countRecords(folder: string): Promise<Recorded> {
  const counts: Record<string, number> = {}
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.jsonl'))) {
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) {
      const kind = /"kind":"([a-z]+)"/.exec(line.slice(0, 200))?.[1] ?? ''
      counts[kind] = (counts[kind] ?? 0) + 1
    }
  }
  return {
    intents: counts['intent'] ?? 0,
    outcomes: counts['outcome'] ?? 0,
    denials: counts['denial'] ?? 0,
    mints: counts['mint'] ?? 0,
  }
}
