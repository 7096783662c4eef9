/**
 * What an injected request costs: sallyport complete (token verified, decision made, record written, credential
 * injected) in a process of its own, and a bare reverse proxy on the same libraries beside it, both before the same
 * upstream, in turns. CPU time is the processes' own, from the kernel. Ratios are to be quoted, not times.
 *
 *     npm run bench            rounds of 4 s; --json prints one object
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean' }, rounds: { type: 'string', default: '3' } },
})
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
const body = JSON.stringify({ filler: 'x'.repeat(1000) })
const connections = 32
const roundMs = 4000

interface Contender {
  readonly name: string
  readonly child: ChildProcess
  readonly origin: string
  readonly path: string
  readonly headers: Record<string, string>
}

async function started(
  args: readonly string[],
  until: RegExp,
): Promise<{ child: ChildProcess; match: RegExpMatchArray }> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  let said = ''
  for (;;) {
    for (const stream of [child.stdout, child.stderr]) said += String((stream.read() as Buffer | null) ?? '')
    const match = until.exec(said)
    if (match !== null) {
      child.stdout.resume()
      child.stderr.resume()
      return { child, match }
    }
    if (child.exitCode !== null) throw new Error(said)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function startSallyport(upstream: string): Promise<Contender> {
  writeFileSync(join(folder, 'key'), 'a-static-key', { mode: 0o600 })
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `listen: { egress: "127.0.0.1:19180", admin: "127.0.0.1:19183", telemetry: "127.0.0.1:19185" }
allow: [anyone]
direct: [api]
downstreams:
  api:
    url: ${upstream}
    static: { header: X-Api-Key, value: file:key, per: all, owner: bench }
    operations: [{ op: "GET /{rest...}", class: read }]
log: { level: warn }
`,
  )
  const { child } = await started([here('../src/cli.ts'), 'dev'], /\nready\n/)
  const admin = readFileSync(join(folder, 'data/run/admin.cap'), 'utf8').trim()
  const dev = await fetch('http://127.0.0.1:19183/v1/dev/tokens', {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'alice', ttl: 3600 }),
  })
  const { token: subject } = (await dev.json()) as { token: string }
  const minted = await fetch('http://127.0.0.1:19180/oauth2/token', {
    method: 'POST',
    headers: { 'sallyport-capability': readFileSync(join(folder, 'data/run/main.cap'), 'utf8').trim() },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }),
  })
  const { access_token: token } = (await minted.json()) as { access_token: string }
  return {
    name: 'sallyport',
    child,
    origin: 'http://127.0.0.1:19180',
    path: '/downstream/api/orders',
    headers: { authorization: `Bearer ${token}` },
  }
}

async function startBareProxy(upstream: string): Promise<Contender> {
  const { child, match } = await started([here('bare-proxy.ts'), upstream], /listening (\d+)/)
  return { name: 'bare proxy', child, origin: `http://127.0.0.1:${match[1]}`, path: '/orders', headers: {} }
}

/** User and system time of a process so far, in microseconds (Linux: clock ticks of 10 ms). */
function cpuOf({ child }: Contender): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

async function round(contender: Contender): Promise<{ readonly cpu: number; readonly rate: number }> {
  const pool = new Pool(contender.origin, { connections })
  const end = performance.now() + roundMs
  let done = 0
  const before = cpuOf(contender)
  const worker = async () => {
    while (performance.now() < end) {
      const answer = await pool.request({ method: 'GET', path: contender.path, headers: contender.headers })
      await answer.body.dump()
      if (answer.statusCode !== 200) throw new Error(`${contender.name} answered ${answer.statusCode}`)
      done += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  const cpu = (cpuOf(contender) - before) / done
  await pool.close()
  return { cpu, rate: (done * 1000) / roundMs }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const upstream = createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1')
await once(upstream, 'listening')
const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
const contenders = [await startSallyport(url), await startBareProxy(url)]
try {
  const results = new Map(contenders.map((it) => [it.name, { cpu: [] as number[], rate: [] as number[] }]))
  for (const contender of contenders) await round(contender)
  for (let turn = 0; turn < Number(flags.rounds); turn += 1) {
    for (const contender of contenders) {
      const { cpu, rate } = await round(contender)
      results.get(contender.name)?.cpu.push(cpu)
      results.get(contender.name)?.rate.push(rate)
    }
  }
  const rows = [...results].map(([name, { cpu, rate }]) => ({
    name,
    cpuMicroseconds: median(cpu),
    requestsPerSecond: median(rate),
  }))
  const [mine, bare] = rows
  const ratio = (mine?.cpuMicroseconds ?? 0) / (bare?.cpuMicroseconds ?? 1)
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ rows, cpuRatio: ratio })}\n`)
  else {
    for (const row of rows) {
      process.stdout.write(
        `${row.name.padEnd(12)} ${row.cpuMicroseconds.toFixed(1)} µs CPU/request, ${row.requestsPerSecond.toFixed(0)} requests/s\n`,
      )
    }
    process.stdout.write(
      `sallyport costs ${ratio.toFixed(2)} times the CPU of a bare proxy on the same libraries\n`,
    )
  }
} finally {
  for (const { child } of contenders) child.kill('SIGTERM')
  await Promise.all(contenders.map(async ({ child }) => child.exitCode ?? once(child, 'exit')))
  upstream.close()
  upstream.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
}
