import { createHash } from 'node:crypto'
import type { Outgoing } from '../../egress/index.ts'
import { callAdmin } from '../client.ts'
import { diagnoseConnection, systemTrust } from './connection.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding } from './finding.ts'
import type { Step } from './step.ts'
import { goThrough, type Through } from './through.ts'

/** What the instance saw of a request of ours. */
interface Seen {
  readonly count: number
  readonly host: string
  readonly path: string
  readonly body: { readonly bytes: number; readonly sha256: string }
  readonly headers: Readonly<Record<string, string>>
}

/** One request of the walk. */
interface Probe {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

const digest = (value: string | Buffer): string => createHash('sha256').update(value).digest('base64url')

/** Headers that clients and this process need of each other, with values that nobody else would send. */
const carried = (id: string): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${id}`,
  cookie: `sallyport-doctor=${id}`,
  'mcp-protocol-version': '2025-11-25',
  'mcp-session-id': id,
  'last-event-id': id,
})

function seenIn(text: string, id: string): Seen | undefined {
  try {
    const value = JSON.parse(text.replace(/^data: /, '').split('\n')[0] ?? '') as Seen & { probe?: unknown }
    return value.probe === id ? value : undefined
  } catch {
    return undefined
  }
}

/** What the way did to one request. Pure. */
function changed(
  probe: Probe,
  through: Through,
  at: { readonly url: string; readonly id: string },
): Finding | Seen {
  const { host } = new URL(at.url)
  const { path, headers, body } = probe
  const { status } = through
  if (status >= 300 && status < 400) return finding('url_redirected', { url: at.url, path })
  const seen = seenIn(through.text, at.id)
  if (seen === undefined && status === 413)
    return finding('proxy_body', { bytes: body?.length ?? 0, path, status })
  if (seen === undefined) return finding('url_other', { url: at.url, path, status })
  if (seen.host.toLowerCase() !== host) return finding('proxy_host', { path, host })
  if (seen.path !== path) return finding('proxy_path', { path })
  const lost = Object.entries(headers).find(([name, value]) => seen.headers[name] !== digest(value))
  if (lost !== undefined) return finding('proxy_header', { header: lost[0] })
  if (body !== null && seen.body.sha256 !== digest(body))
    return finding('proxy_body', { bytes: body.length, path, status })
  return seen
}

const isFinding = (value: Finding | Seen): value is Finding => 'code' in value

/** The paths that clients, browsers and IdPs ask for. */
function publicPaths({ config }: Examination): {
  readonly mcp: readonly string[]
  readonly other: readonly string[]
} {
  const fronted = config.servers.filter((it) => (it.url ?? it.stdio) !== undefined)
  const single = fronted.length === 1 && config.servers.length === 1
  const mcp = fronted.map(({ name }) => (single ? '/mcp' : `/${name}/mcp`))
  const metadata = mcp.map((path) => `/.well-known/oauth-protected-resource${path}`)
  const signIn = [
    '/.well-known/oauth-authorization-server',
    '/oauth2/authorize',
    '/oauth2/token',
    '/login/callback',
    '/connect/callback',
    '/accounts',
  ]
  return { mcp, other: [...metadata, ...(config.login.mode === 'broker' ? signIn : [])] }
}

interface Walk {
  readonly at: Examination
  readonly id: string
  readonly paths: ReturnType<typeof publicPaths>
}

async function ask(
  { at, id }: Walk,
  probe: Probe,
): Promise<{ readonly through: Through; readonly seen: Finding | Seen }> {
  const { tools, config } = at
  const { path, method, body } = probe
  const all = { ...probe.headers, 'sallyport-probe': id }
  const headers = Object.entries(all).flat()
  const request: Outgoing = { method, path, headers, body, length: undefined }
  const through = await goThrough(tools.transport(new URL(config.url).origin), request, tools.clock.monotonic)
  return { through, seen: changed(probe, through, { url: config.url, id }) }
}

const post = (path: string, id: string, accept: string, bytes: number): Probe => ({
  path,
  method: 'POST',
  headers: { ...carried(id), accept, 'content-type': 'application/json' },
  body: Buffer.alloc(bytes, 'x'),
})

/** Each path once: does it come here, whole? */
async function routes(walk: Walk): Promise<Finding | undefined> {
  const { id, paths } = walk
  for (const path of [...paths.mcp, ...paths.other]) {
    const { seen } = await ask(walk, post(path, id, 'application/json', 64))
    if (isFinding(seen)) return seen
  }
  return undefined
}

/** A stream whose two events come together was kept until its end. */
async function streams(walk: Walk): Promise<Finding | undefined> {
  for (const path of walk.paths.mcp) {
    const { seen, through } = await ask(walk, post(path, walk.id, 'application/json, text/event-stream', 64))
    if (isFinding(seen)) return seen
    if (through.spread < 500) return finding('proxy_buffers', { path, seconds: 1.5 })
  }
  return undefined
}

/** A message as long as one may be. */
async function bodies(walk: Walk): Promise<Finding | undefined> {
  const { messageBytes } = walk.at.config
  for (const path of walk.paths.mcp.slice(0, 1)) {
    const { seen } = await ask(walk, post(path, walk.id, 'application/json', messageBytes))
    if (isFinding(seen)) return seen
  }
  return undefined
}

/** The same request twice: the count that comes back goes up, unless somebody answers in our place. */
async function caches(walk: Walk): Promise<Finding | undefined> {
  const [path] = [...walk.paths.other, ...walk.paths.mcp]
  if (path === undefined) return undefined
  const probe: Probe = { path, method: 'GET', headers: { accept: 'application/json' }, body: null }
  const { seen: first } = await ask(walk, probe)
  const { seen: second } = await ask(walk, probe)
  if (isFinding(first)) return first
  if (isFinding(second)) return second
  return second.count > first.count ? undefined : finding('proxy_caches', { path })
}

/** Whether the instance on the data folder runs with this configuration is another step's to say. */
async function openProbe({ tools }: Examination): Promise<string | undefined> {
  const endpoint = tools.instance()
  if (endpoint === undefined) return undefined
  const answer = await callAdmin(endpoint, { method: 'POST', path: '/v1/probes' }).catch(() => undefined)
  const id = answer?.body['id']
  return answer?.status === 200 && typeof id === 'string' ? id : undefined
}

async function walkThrough(at: Examination, id: string): Promise<readonly Finding[]> {
  const paths = publicPaths(at)
  const walk = { at, id, paths }
  for (const part of [routes, streams, bodies, caches]) {
    const found = await part(walk)
    if (found !== undefined) return [found]
  }
  return [finding('url_answers', { count: paths.mcp.length + paths.other.length })]
}

/** From here to here, by the public URL: nothing that stands between may change what passes. */
export function publicUrlStep(at: Examination): Step {
  const { url } = at.config
  return {
    name: 'the public URL',
    needs: [],
    run: async () => {
      try {
        await at.tools.reach(new URL(url).origin)
      } catch (error) {
        const id = await openProbe(at)
        if (id === undefined) return [finding('url_not_tried', { url })]
        const trust = systemTrust
        const { code, words } = diagnoseConnection(
          error,
          { what: 'url', url, field: 'url', trust },
          at.words.seconds,
        )
        return [finding(code, words)]
      }
      const id = await openProbe(at)
      return id === undefined ? [finding('url_not_tried', { url })] : walkThrough(at, id)
    },
  }
}
