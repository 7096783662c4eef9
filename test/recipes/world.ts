/** A recipe behind a running sallyport, with an API behind its egress, and everything that passes between them. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import { queryRecords } from '../../src/audit/index.ts'
import { type Running, startInstance } from '../kit/instance.ts'
import type { Recipes } from '../kit/parts/recipes.ts'
import { type ClientVersion, type Connected, connect } from '../kit/sdk-clients.ts'
import { configuration } from './document.ts'
import { startServer } from './servers.ts'
import { startTap, type Tap } from './tap.ts'

export const people = ['alice', 'bob'] as const
export type Person = (typeof people)[number]

/** Of each person, as the API knows it. */
export const keyOf = (person: Person): string => `the-own-key-of-${person}-0d41`

export interface Arrival {
  /** The id that the API gave the request, and told in its answer. */
  readonly id: string
  readonly asked: string
  /** Headers and body, as they came. */
  readonly whole: string
  readonly key: unknown
}

export interface Scene {
  readonly running: Running
  /** What reached the API. */
  readonly arrivals: readonly Arrival[]
  /** Between the gateway and the server. */
  readonly toServer: Tap
  /** Between the server and the egress. */
  readonly toEgress: Tap
  /** Tokens that clients were given. */
  readonly clientTokens: readonly string[]
  /** `server`: by its name, the first where nothing is said. `ttl` in seconds. */
  signIn(person: Person, more?: { readonly ttl?: number; readonly server?: string }): Promise<string>
  connect(version: ClientVersion, person: Person): Promise<Connected>
  /** The lines of the record, after the instance has ended. */
  records(): Promise<readonly Readonly<Record<string, any>>[]>
}

export interface SceneOptions {
  readonly needs: Recipes
  /** Settings of the program besides `EGRESS` and `PORT`, by the URL of the instance. */
  readonly env?: (url: string) => Readonly<Record<string, string>>
  readonly configuration?: string
  /** Where clients find the server. */
  readonly path?: string
}

export async function startScene(file: string, options: SceneOptions): Promise<Scene> {
  const { needs, env = () => ({}), path = '/mcp' } = options
  const { url: api, arrivals } = await startApi()
  const toServer = await startTap()
  const running = await startInstance({
    form: 'dev',
    front: 'gateway',
    config: () =>
      (options.configuration ?? configuration)
        .replaceAll('http://127.0.0.1:3000', toServer.url)
        .replaceAll('https://orders.acme.example', api),
  })
  const toEgress = await startTap(running.egress)
  const settings = { ...env(running.instance.config.url), EGRESS: toEgress.url }
  toServer.target = await startServer(file, settings, needs)
  const { servers } = running.instance.config
  for (const { name: server } of servers) {
    for (const user of people) {
      const connection = { downstream: 'orders', server, user, value: keyOf(user) }
      const kept = await running.admin('POST', '/v1/connections', connection)
      expect(kept.status, JSON.stringify(kept.body)).toBe(200)
    }
  }
  const clientTokens: string[] = []
  const signIn: Scene['signIn'] = async (user, { ttl = 600, server = servers[0]!.name } = {}) => {
    const { body } = await running.admin('POST', '/v1/dev/tokens', { user, ttl, server })
    const { token } = body as { token: string }
    clientTokens.push(token)
    return token
  }
  return {
    running,
    arrivals,
    toServer,
    toEgress,
    clientTokens,
    signIn,
    connect: async (version, person) => {
      const url = `${running.faces.gateway!.url}${path}`
      const client = await connect(version, { url, token: await signIn(person), libraries: needs.node })
      onTestFinished(() => client.close())
      return client
    },
    records: async () => {
      await running.stop()
      const lines: Record<string, unknown>[] = []
      for await (const { line } of queryRecords(join(running.folder, 'data', 'records')))
        lines.push({ ...line })
      return lines
    },
  }
}

/** Orders of customers: answers each request with what it asked for. */
async function startApi(): Promise<{ readonly url: string; readonly arrivals: Arrival[] }> {
  const arrivals: Arrival[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const id = `api-${arrivals.length + 1}`
      const asked = `${request.method} ${request.url}${body === '' ? '' : ` ${body}`}`
      const whole = `${request.rawHeaders.join('\n')}\n${body}`
      arrivals.push({ id, asked, whole, key: request.headers['x-api-key'] })
      response.writeHead(200, { 'content-type': 'application/json', 'x-request-id': id })
      response.end(JSON.stringify({ asked }))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrivals }
}
