import { type Credential, type Downstream, Secret } from '../../model/index.ts'
import { inject, type Transport } from '../../egress/index.ts'
import { diagnoseConnection, systemTrust } from './connection.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding } from './finding.ts'
import type { Step } from './step.ts'

/** What there is to say of a credential that no IdP gives. */
function standing({ name, credential }: Downstream): readonly Finding[] {
  if (credential.kind === 'linked') return [finding('account_per_user', { downstream: name })]
  if (credential.kind !== 'static') return []
  return [finding(credential.per === 'all' ? 'static_present' : 'static_per_user', { downstream: name })]
}

/** Reaches one downstream, and says what stands there without an IdP. */
export function downstreamStep(downstream: Downstream, { tools, words }: Examination): Step {
  const { name, origin } = downstream
  return {
    name: `downstream ${name}`,
    needs: [],
    run: async () => {
      const fixed = standing(downstream)
      try {
        await tools.reach(origin)
        return [finding('downstream_reached', { downstream: name }), ...fixed]
      } catch (error) {
        const field = `downstreams.${name}.url`
        const place = { what: `Downstream ${name}`, url: origin, field, trust: systemTrust }
        const { code, words: filled } = diagnoseConnection(error, place, words.seconds)
        return [finding(code, filled), ...fixed]
      }
    },
  }
}

/** Reaches one MCP server behind the gateway. */
export function serverStep(name: string, url: string, { tools, words, config }: Examination): Step {
  return {
    name: `server ${name}`,
    needs: [],
    run: async () => {
      try {
        await tools.reach(new URL(url).origin)
        return [finding('server_reached', { server: name })]
      } catch (error) {
        const field = config.servers.length === 1 && name === 'main' ? 'server' : `servers.${name}.url`
        const { code, words: filled } = diagnoseConnection(
          error,
          { what: `Server ${name}`, url, field, trust: systemTrust },
          words.seconds,
        )
        return [finding(code, filled)]
      }
    },
  }
}

/** `orders GET /orders/7` in parts; undefined where it is none. */
function parse(text: string): readonly [downstream: string, method: string, path: string] | undefined {
  const [, name, method, path] = /^(\S+) (GET|HEAD) (\/\S*)$/.exec(text) ?? []
  return name === undefined || method === undefined || path === undefined ? undefined : [name, method, path]
}

/** The status of one request with the credential; the answer itself is thrown away. */
function statusOf(
  transport: Transport,
  { method, path }: { readonly method: string; readonly path: string },
  credential: Credential,
): Promise<number> {
  const headers = inject(['accept', '*/*', 'user-agent', 'sallyport-doctor'], credential)
  return new Promise((resolve, reject) => {
    transport.send(
      { method, path, headers, body: null, length: undefined },
      {
        onStart: () => undefined,
        onSent: () => undefined,
        onHead: (status) => resolve(status),
        onData: () => undefined,
        onEnd: () => undefined,
        onError: reject,
      },
    )
  })
}

function secretOf({ name, credential }: Downstream, { learnt }: Examination): Secret | undefined {
  if (credential.kind === 'static' && credential.per === 'all') return credential.value
  return learnt.credentials.get(name)
}

/** One of the requests that `--call` names: read, listed, and made once with a real credential. */
export function callStep(call: string, at: Examination): Step {
  const [name = '', method = '', path = ''] = parse(call) ?? []
  return {
    name: `the call ${call}`,
    needs: [`downstream ${name}`, `the credential of ${name}`],
    run: async () => {
      const { config, tools } = at
      const downstream = config.downstreams.find((it) => it.name === name)
      const plain = new URL(path, 'http://x').pathname
      const operation = downstream && tools.operation(downstream, method, plain)
      if (downstream === undefined || operation?.class !== 'read') return [finding('call_unlisted', { call })]
      const words = { downstream: name, call }
      const secret = secretOf(downstream, at)
      if (secret === undefined) return [finding('call_without_credential', words)]
      const { origin, basePath, credential: source } = downstream
      const placement = source.kind === 'static' ? source.placement : ({ kind: 'bearer' } as const)
      const credential: Credential = { secret, placement, origin, rev: 0, fingerprint: '' }
      const request = { method, path: `${basePath}${path}` }
      const status = await statusOf(tools.transport(origin), request, credential)
      const found: Finding['code'] =
        status === 401 || status === 403 ? 'call_refused' : status < 400 ? 'call_done' : 'call_failed'
      return [finding(found, { ...words, status })]
    },
  }
}
