/** Takes scenarios from the suite's commands (`relay.mjs`) and plays them with sallyports in this process. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { actAsClient, type Scenario } from './scenario.ts'

export interface Driver {
  readonly url: string
  /** What was wrong with each that was played; undefined where nothing was. */
  readonly outcomes: ReadonlyMap<string, string | undefined>
  stop(): Promise<void>
}

/** So many at once: the suite starts all of them together. */
const abreast = 4

export async function startDriver(isOurs: (name: string) => boolean): Promise<Driver> {
  const outcomes = new Map<string, string | undefined>()
  const waiting: (() => void)[] = []
  let open = 0

  async function play(scenario: Scenario): Promise<string | undefined> {
    if (open >= abreast) await new Promise<void>((go) => waiting.push(go))
    open += 1
    try {
      return await actAsClient(scenario).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      )
    } finally {
      open -= 1
      waiting.shift()?.()
    }
  }

  const server = createServer((request, response) => {
    void (async () => {
      const scenario = JSON.parse(await text(request)) as Scenario
      const wrong = isOurs(scenario.name) ? await play(scenario) : 'no scenario of authorization'
      outcomes.set(scenario.name, wrong)
      response.writeHead(wrong === undefined ? 200 : 422).end(wrong ?? 'as it should be')
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    outcomes,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
