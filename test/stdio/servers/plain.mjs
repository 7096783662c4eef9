/**
 * An MCP server on standard input and output that does what its caller says, without an SDK. Words of its command line:
 * `modern` (2026-07-28, instead of 2025-11-25), `silent` (answers nothing that it does not know), `stubborn` (stays at SIGTERM and
 * at the end of its input), `quits` (ends at a first message other than `initialize`).
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as later } from 'node:timers/promises'

const words = new Set(process.argv.slice(2))
const modern = words.has('modern')
if (words.has('stubborn')) {
  process.on('SIGTERM', () => undefined)
  setInterval(() => undefined, 1000)
}
const write = (text) => new Promise((done) => process.stdout.write(text, done))
const say = (message) => write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const text = (value) => ({
  ...(modern ? { resultType: 'complete' } : {}),
  content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }],
})

/** What this process has open. */
const descriptors = () =>
  readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      return []
    }
  })

/** What clients answer to requests of ours, by id; every message that came; requests that are open, by id. */
const answers = new Map()
const seen = []
const open = new Map()
let asked = 0
const said = []

/** What the egress says over a socket: status and reason code. */
function ask({ path, method = 'GET', socket, token, capability, headers = {} }) {
  const { SALLYPORT_EGRESS = '', SALLYPORT_CAPABILITY } = process.env
  const socketPath = (socket ?? SALLYPORT_EGRESS).replace(/^unix:/, '')
  const shown = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const told = capability === false ? {} : { 'sallyport-capability': capability ?? SALLYPORT_CAPABILITY }
  return new Promise((resolve) => {
    const all = { host: 'localhost', ...told, ...shown, ...headers }
    const sending = request({ socketPath, path, method, headers: all }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part) => (body += part))
      response.on('end', () => {
        const { code = '' } = JSON.parse(body || '{}')
        resolve(`${response.statusCode} ${code}`.trim())
      })
    })
    sending.on('error', (error) => resolve(error.code))
    sending.end()
  })
}

const deeds = {
  whoami: ({ meta }) => ({ pid: process.pid, env: process.env, meta, fds: descriptors() }),
  seen: () => seen,
  wait: ({ ms }) => later(ms).then(() => 'waited'),
  egress: ({ token, meta, ...rest }) =>
    ask({ ...rest, ...(token === 'mine' ? { token: meta['dev.sallyport/token'] } : token ? { token } : {}) }),
  /** Asks when its call is over: with its token, and with the capability, in turn. Tells what came of it the next time. */
  afterwards: ({ ms, times, path, meta }) => {
    const token = meta['dev.sallyport/token']
    const tries = async () => {
      for (let at = 0; at < times; at++) {
        await later(ms)
        said.push(await ask({ path, ...(at % 2 === 0 ? { token } : {}) }))
      }
    }
    void tries()
    return [...said]
  },
  progress: async ({ steps, meta }) => {
    for (let progress = 1; progress <= steps; progress++)
      await say({ method: 'notifications/progress', params: { progressToken: meta.progressToken, progress } })
    return 'done'
  },
  log: async ({ data }) => {
    await say({ method: 'notifications/message', params: { level: 'info', data } })
    return 'logged'
  },
  elicit: async ({ message }) => {
    const id = `ask-${++asked}`
    const answer = new Promise((resolve) => answers.set(id, resolve))
    await say({
      id,
      method: 'elicitation/create',
      params: { message, requestedSchema: { type: 'object', properties: {} } },
    })
    return answer
  },
  stderr: ({ lines, meta }) => {
    for (const line of lines) process.stderr.write(`${line.replace('TOKEN', meta['dev.sallyport/token'])}\n`)
    return 'complained'
  },
  exit: ({ code }) => process.exit(code),
  say: async ({ lines }) => {
    for (const line of lines) await write(`${line}\n`)
    return 'said'
  },
  junk: async ({ lines, line }) => {
    for (let at = 0; at < lines; at++) await write(`${line}\n`)
    return 'said'
  },
  endless: async ({ megabytes }) => {
    const piece = 'x'.repeat(1 << 20)
    for (let at = 0; at < megabytes; at++) await write(piece)
    await write('\n')
    return 'said'
  },
  /** Answers the other request that is open here, by its id. */
  other: async ({ id }) => {
    for (const other of open.keys()) if (other !== id) await say({ id: other, result: text('not yours') })
    return 'did'
  },
  unknown: async () => {
    for (const id of [0, 99_999, 'x', -1]) await say({ id, result: text('for nobody') })
    return 'did'
  },
  /** Reads nothing for a while. */
  block: async ({ ms }) => {
    await say({ method: 'notifications/message', params: { level: 'info', data: 'blocking' } })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    return 'blocked'
  },
  asks: async ({ times }) => {
    for (let at = 0; at < times; at++) await say({ id: `a${at}`, method: 'roots/list' })
    return 'asked'
  },
  fork: async () => {
    const { spawn } = await import('node:child_process')
    return spawn('sleep', ['600'], { stdio: 'ignore' }).pid
  },
}

async function result({ id, method, params = {} }) {
  if (method === 'initialize')
    return {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'plain', version: '1' },
    }
  if (method === 'server/discover' && modern)
    return {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      serverInfo: { name: 'plain', version: '1' },
    }
  if (method === 'tools/list') {
    const tools = Object.keys(deeds).map((name) => ({ name, inputSchema: { type: 'object' } }))
    return modern ? { resultType: 'complete', tools, ttlMs: 0, cacheScope: 'private' } : { tools }
  }
  const deed = method === 'tools/call' ? deeds[params.name] : undefined
  if (deed === undefined) throw Object.assign(new Error('Method not found'), { code: -32_601 })
  return text(await deed({ id, meta: params._meta ?? {}, ...params.arguments }))
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line)
  if (words.has('quits') && seen.length === 0 && message.method !== 'initialize') process.exit(1)
  seen.push(message)
  const { id, method } = message
  if (id === undefined) continue
  if (method === undefined) answers.get(id)?.(message.result ?? message.error)
  else {
    open.set(id, message)
    result(message)
      .then(
        (value) => say({ id, result: value }),
        (error) => {
          if (!words.has('silent'))
            return say({ id, error: { code: error.code ?? -32_603, message: String(error.message) } })
        },
      )
      .finally(() => open.delete(id))
  }
}
if (words.has('stubborn')) await later(600_000)
