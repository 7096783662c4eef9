/** What stands before an MCP server: nothing, plain reverse proxies, and the gateway complete. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/kit/parts/process.ts'
import { direct as nothing } from '../peers/direct.ts'
import { routerFilter, startEnvoy } from '../peers/envoy.ts'
import { startNginx } from '../peers/nginx.ts'
import { callerHeaders, type Contender, injectedValue, type Peer, type Setup } from '../peers/peer.ts'
import { spawnSallyport, subjectTokenOf } from '../peers/sallyport.ts'
import { untilListening } from '../processes.ts'

/** One process before the MCP server at `{upstream}/mcp`. */
export interface GatewayPeer extends Pick<Peer, 'name'> {
  /** Whether tools are hidden, calls decided and recorded. */
  readonly decides: boolean
  start(setup: Setup): Promise<GatewayContender>
}

export interface GatewayContender extends Contender {
  /** Where its record is; absent where it has none. */
  readonly data?: string
}

export const direct: GatewayPeer = { ...nothing, decides: false }

export const nginx: GatewayPeer = {
  name: 'nginx',
  decides: false,
  start: (setup) => startNginx(setup, ['proxy_buffering off', 'proxy_read_timeout 1h']),
}

export const envoy: GatewayPeer = {
  name: 'envoy',
  decides: false,
  start: (setup) => startEnvoy(setup, [routerFilter]),
}

/** The tools of the list that may be called; the others are hidden. */
export const visibleTools = 10

/**
 * Complete, in the form `single`: the client's token verified, the message read, the call decided and recorded, a token of
 * its own minted for it, the answer passed on as it comes. Of the twenty tools ten are hidden.
 */
export const sallyport: GatewayPeer = { name: 'sallyport', decides: true, start: startGateway }

async function startGateway(setup: Setup): Promise<GatewayContender> {
  const { folder, upstream } = setup
  const ports = { egress: await freePort(), gateway: await freePort(), admin: await freePort() }
  const telemetry = await freePort()
  const config = join(folder, 'sallyport.yaml')
  const tools = Array.from({ length: visibleTools }, (_, n) => `  tool_${n}: { class: read, uses: [api] }\n`)
  writeFileSync(join(folder, 'credential'), injectedValue, { mode: 0o600 })
  writeFileSync(join(folder, 'key'), Buffer.alloc(32, 7), { mode: 0o600 })
  writeFileSync(
    config,
    `url: http://127.0.0.1:${ports.gateway}
login: { issuer: "${setup.sallyport.idp.issuer}", audiences: [bench] }
server: ${upstream}/mcp
allow: [anyone]
tools:
${tools.join('')}downstreams:
  api:
    url: ${upstream}
    static: { per: all, value: "file:${folder}/credential", owner: bench }
    operations: [{ op: GET /small, class: read }]
key: file:${folder}/key
data: ${folder}/data
loops: off
caps: [{ per: principal, concurrent: 10000 }]
limits: { streams: 10000 }
listen:
  egress: 127.0.0.1:${ports.egress}
  gateway: 127.0.0.1:${ports.gateway}
  admin: 127.0.0.1:${ports.admin}
  telemetry: 127.0.0.1:${telemetry}
`,
  )
  const data = join(folder, 'data')
  const all = { ...ports, telemetry }
  const daemon = await spawnSallyport(setup, { ports: all, config, data })
  await untilListening(ports.gateway, daemon)
  const good = await subjectTokenOf(setup)
  return {
    pid: daemon.pid,
    data,
    aim: (path, token = good) => ({
      origin: `http://127.0.0.1:${ports.gateway}`,
      path,
      headers: { ...callerHeaders, Authorization: `Bearer ${token}` },
    }),
    stop: daemon.stop,
    log: daemon.log,
  }
}
