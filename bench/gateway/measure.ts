/** One run of the gateway: a fresh process, checked, warmed up, measured, its record counted, ended. */
import { createReadStream, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Sample } from '../bench.ts'
import { type Aim, holdStreams, wrk } from '../load/generate.ts'
import { memoryOf, removeFolder, temporaryFolder } from '../processes.ts'
import { sampleOf } from '../measure.ts'
import { type GatewayContender, type GatewayPeer, visibleTools } from './peers.ts'

const message = (method: string, params: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })

export const messages = {
  call: message('tools/call', { name: 'tool_3', arguments: { customer: 'c-4711', limit: 10 } }),
  list: message('tools/list', {}),
} as const

interface Under {
  readonly contender: GatewayContender
  readonly folder: string
}

/** The same headers but for the session, which nobody began here. */
function aimOf(contender: GatewayContender, token?: string): Aim {
  const { origin, path, headers } = contender.aim('/mcp', token)
  const { 'Mcp-Session-Id': _, ...rest } = headers
  return { origin, path, headers: { ...rest, 'Content-Type': 'application/json' } }
}

async function ask(contender: GatewayContender, body: string, token?: string) {
  const { origin, path, headers } = aimOf(contender, token)
  const answer = await fetch(origin + path, { method: 'POST', headers, body })
  return { status: answer.status, text: await answer.text() }
}

/** Before and after the load: what may be called is, and what may not is not, by a process that is hot too. */
async function check({ decides, name }: GatewayPeer, contender: GatewayContender): Promise<void> {
  const must = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`${name} ${what}`)
  }
  const call = await ask(contender, messages.call)
  must(call.status === 200 && call.text.includes('shipped'), `answered ${call.status} ${call.text}`)
  const list = await ask(contender, messages.list)
  const shown = list.text.split('"name":').length - 1
  must(shown === (decides ? visibleTools : 20), `lists ${shown} tools`)
  if (!decides) return
  const hidden = await ask(contender, messages.call.replace('tool_3', 'tool_13'))
  must(hidden.text.includes('-32602'), `answers for a hidden tool: ${hidden.text}`)
  const stranger = await ask(contender, messages.call, 'junk')
  must(stranger.status === 401, `answers ${stranger.status} to a token that is none`)
}

async function running<T>(
  peer: GatewayPeer,
  bench: Bench,
  work: (under: Under) => Promise<T>,
): Promise<{ readonly result: T; readonly calls: number | undefined }> {
  const { tools, tokens, sallyport } = bench
  const folder = temporaryFolder(`gateway-${peer.name}`)
  const contender = await peer.start({
    tools,
    tokens,
    sallyport,
    folder,
    upstream: bench.upstreams.bodies,
  })
  try {
    await check(peer, contender)
    const result = await work({ contender, folder })
    await check(peer, contender)
    await contender.stop()
    const calls = contender.data === undefined ? undefined : await countCalls(contender.data)
    return { result, calls }
  } catch (error) {
    process.stderr.write(`${contender.log()}\n`)
    await contender.stop()
    throw error
  } finally {
    removeFolder(folder)
  }
}

async function countCalls(data: string): Promise<number> {
  let calls = 0
  const folder = join(data, 'records')
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.jsonl')))
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) }))
      if (line.slice(0, 200).includes('"kind":"call"')) calls += 1
  return calls
}

/** Two calls of the checks; everything else is the generator's. */
const checkCalls = 2

/** A closed loop of one message over so many connections. */
export async function measureMessage(
  peer: GatewayPeer,
  { of, connections }: { readonly of: keyof typeof messages; readonly connections: number },
  bench: Bench,
): Promise<Sample> {
  const { warmSeconds, seconds } = bench.options
  const { result, calls } = await running(peer, bench, async ({ contender, folder }) => {
    const body = join(folder, 'message.json')
    writeFileSync(body, messages[of])
    const aim = aimOf(contender)
    const options = { wrk: bench.tools.wrk, connections, method: 'POST', body }
    const warm = await wrk(aim, { ...options, seconds: 2 * warmSeconds })
    const run = () => wrk(aim, { ...options, seconds })
    const { sample, result: measured } = await sampleOf(contender.pid, run)
    const wrong = warm.status + measured.status + measured.socket
    if (wrong > 0) throw new Error(`${wrong} wrong answers`)
    return { sample, answered: warm.requests + measured.requests }
  })
  const expected = (of === 'call' ? result.answered : 0) + checkCalls
  // A call whose client left at the end of a run may be recorded without having been counted as answered.
  if (calls !== undefined && (calls < expected || calls > expected + 2 * connections))
    throw new Error(`${calls} calls recorded of ${expected}`)
  return result.sample
}

/** Memory of a process that holds so many streams of the server's own messages, beyond that of one that holds none. */
export async function measureStreams(peer: GatewayPeer, count: number, bench: Bench): Promise<Sample> {
  const { result } = await running(peer, bench, async ({ contender, folder }) => {
    await pause(1000)
    const kind = peer.name === 'nginx' ? 'pss' : 'rss'
    const idle = memoryOf(contender.pid)[kind]
    const { load } = bench.tools
    const held = await holdStreams(aimOf(contender), { load, folder, count })
    await pause(2000)
    const streams = memoryOf(contender.pid)[kind]
    await held.close()
    await pause(500)
    return { idle, streams, perStreamKb: ((streams - idle) * 1000) / count }
  })
  return result
}
