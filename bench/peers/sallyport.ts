import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pool } from 'undici'
import { freePort } from '../../test/kit/parts/process.ts'
import { startOn, untilListening } from '../processes.ts'
import { bearerOf, callerHeaders, type Contender, injectedValue, type Peer, type Setup } from './peer.ts'

export interface SallyportContender extends Contender {
  readonly egress: string
  /** The session token that `aim` shows. */
  readonly session: string
  /** The form that the token endpoint was asked with, for asking again. */
  readonly form: string
  readonly capability: string
  readonly data: string
  /** As many further session tokens, each by a request of its own to the token endpoint. */
  mint(count: number): Promise<string[]>
}

export interface SallyportPeer extends Peer {
  readonly guard: 'off' | 'on'
  start(setup: Setup): Promise<SallyportContender>
}

/**
 * Complete, in the form `single`: the session token is verified, the decision made, the record on as it comes, the
 * credential injected. Sessions begin at the token endpoint with a token of the loopback IdP.
 */
function sallyportPeer(name: string, guard: 'off' | 'on'): SallyportPeer {
  return {
    name,
    guard,
    injects: bearerOf(injectedValue),
    verifies: true,
    withholds: guard === 'on',
    start: (setup) => startSallyport(setup, guard),
  }
}

export const sallyport = sallyportPeer('sallyport', 'off')
export const sallyportGuarded = sallyportPeer('sallyport-guarded', 'on')

export interface Place {
  readonly ports: { readonly egress: number; readonly admin: number; readonly telemetry: number }
  readonly config: string
  readonly data: string
}

/** Writes everything that a start needs; `more` is appended to the file. */
export async function prepare(setup: Setup, guard: 'off' | 'on', more = ''): Promise<Place> {
  const { folder, upstream } = setup
  const ports = { egress: await freePort(), admin: await freePort(), telemetry: await freePort() }
  const config = join(folder, 'sallyport.yaml')
  writeFileSync(join(folder, 'credential'), injectedValue, { mode: 0o600 })
  writeFileSync(join(folder, 'key'), Buffer.alloc(32, 7), { mode: 0o600 })
  writeFileSync(
    config,
    `url: http://127.0.0.1:${ports.egress}
login: { issuer: "${setup.sallyport.idp.issuer}", audiences: [bench] }
allow: [anyone]
direct: [api, own, "api POST /sink"]
downstreams:
  api:
    url: ${upstream}
    static: { per: all, value: "file:${folder}/credential", owner: bench }
${guardLine(setup, guard)}    operations:
      - { op: GET /small, class: read }
      - { op: GET /large, class: read }
      - { op: GET /echo, class: read }
      - { op: GET /digest, class: read }
      - { op: GET /sse, class: read }
      - { op: POST /sink, class: write }
      - { op: DELETE /small, class: critical }
  own:
    url: ${upstream}
    resource: https://own.invalid
    static: { per: user }
${guardLine(setup, guard)}    operations: [{ op: GET /echo, class: read }]
key: file:${folder}/key
data: ${folder}/data
session: { lifetime: 900s }
listen:
  egress: 127.0.0.1:${ports.egress}
  admin: 127.0.0.1:${ports.admin}
  telemetry: 127.0.0.1:${ports.telemetry}
${more}`,
  )
  return { ports, config, data: join(folder, 'data') }
}

const guardLine = ({ sallyport: { guardable } }: Setup, guard: string): string =>
  guardable ? `    guard: ${guard}\n` : ''

/** The program as a user starts it, on the contender's core. */
export const spawnSallyport = (setup: Setup, { config }: Place) =>
  startOn('contender', {
    program: process.execPath,
    args: [...setup.sallyport.nodeArgs, setup.sallyport.cli, 'single', '--config', config],
    logFile: join(setup.folder, 'sallyport.log'),
  })

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** What a server sends to the token endpoint (RFC 8693) with what it received. */
export const exchangeForm = (subjectToken: string): string =>
  new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken,
    subject_token_type: accessTokenType,
  }).toString()

export const subjectTokenOf = ({ sallyport: { idp } }: Setup): Promise<string> =>
  idp.token({ aud: 'bench', exp: Math.floor(Date.now() / 1000) + 3600 })

async function startSallyport(setup: Setup, guard: 'off' | 'on'): Promise<SallyportContender> {
  const place = await prepare(setup, guard)
  const daemon = await spawnSallyport(setup, place)
  await untilListening(place.ports.egress, daemon)
  const egress = `http://127.0.0.1:${place.ports.egress}`
  const capability = readFileSync(join(place.data, 'run', 'main.cap'), 'utf8').trim()
  const form = exchangeForm(await subjectTokenOf(setup))
  const mint = (count: number) => mintMany(count, { egress, capability, form })
  const [session = ''] = await mint(1)
  return {
    pid: daemon.pid,
    egress,
    session,
    form,
    capability,
    data: place.data,
    mint,
    aim: (path, token = session) => ({
      origin: egress,
      path: `/downstream/api${path}`,
      headers: { ...callerHeaders, Authorization: `Bearer ${token}` },
    }),
    stop: daemon.stop,
    log: daemon.log,
  }
}

async function mintMany(
  count: number,
  at: { readonly egress: string; readonly capability: string; readonly form: string },
): Promise<string[]> {
  const pool = new Pool(at.egress, { connections: 16 })
  const tokens: string[] = []
  let asked = 0
  const worker = async () => {
    while (asked < count) {
      asked += 1
      const answer = await pool.request({
        method: 'POST',
        path: '/oauth2/token',
        headers: {
          'sallyport-capability': at.capability,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: at.form,
      })
      const body = (await answer.body.json()) as { access_token?: string }
      if (body.access_token === undefined)
        throw new Error(`the token endpoint answered ${answer.statusCode} ${JSON.stringify(body)}`)
      tokens.push(body.access_token)
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  await pool.close()
  return tokens
}
