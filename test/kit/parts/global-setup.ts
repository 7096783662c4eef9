import type { TestProject } from 'vitest/node'
import { type Chromium, obtainChromium } from './chromium.ts'
import { type Clients, obtainClients } from './clients.ts'
import { obtainConformanceSuite } from './conformance.ts'
import { obtainEnvoy } from './envoy.ts'
import { obtainInspector } from './inspector.ts'
import { obtainKeycloak, startKeycloak } from './keycloak.ts'
import { obtainOpenBao, startOpenBaoAt } from './openbao.ts'
import { obtainRecipes, type Recipes } from './recipes.ts'
import { say } from './run.ts'

/** The binary besides the running server, for tests that start servers of their own. */
export interface StartedParts {
  readonly openbao?: { readonly address: string; readonly rootToken: string; readonly binary: string }
  readonly keycloak?: { readonly baseUrl: string }
  readonly clients?: Clients
  /** The folder with the MCP conformance suite. */
  readonly conformance?: string
  readonly recipes?: Recipes
  /** The folder with the MCP Inspector. */
  readonly inspector?: string
  readonly chromium?: Chromium
  readonly envoy?: string
}

declare module 'vitest' {
  interface ProvidedContext {
    parts: StartedParts
  }
}

type Stop = () => Promise<void>

/** Gets and starts the real parts for the tests under test/real, and ends them afterwards. */
export async function setup(project: TestProject): Promise<Stop> {
  const started = performance.now()
  const stops: Stop[] = []
  const stop = async () => {
    await Promise.all(stops.map((each) => each()))
  }
  const pending: readonly Promise<StartedParts>[] = [
    openbao(stops),
    keycloak(stops),
    clients(),
    conformance(),
    recipes(),
    inspector(),
    chromium(),
    envoy(),
  ]
  const results = await Promise.allSettled(pending)
  const failures = results
    .filter((result) => result.status === 'rejected')
    .map(({ reason }) => reason as unknown)
  if (failures.length > 0) {
    await stop()
    for (const failure of failures) say(failure instanceof Error ? failure.message : String(failure))
    throw new Error('a real part of the tests could not be had: see the lines above')
  }
  const found = results.map((result) => (result.status === 'fulfilled' ? result.value : {}))
  project.provide('parts', Object.assign({}, ...found) as StartedParts)
  say(`ready in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  return stop
}

async function openbao(stops: Stop[]): Promise<Pick<StartedParts, 'openbao'>> {
  const binary = await obtainOpenBao()
  if (binary === undefined) return skipped('OpenBao')
  const server = await startOpenBaoAt(binary, { seal: 'static' })
  stops.push(server.stop)
  say(`OpenBao: running at ${server.address}`)
  return { openbao: { address: server.address, rootToken: server.rootToken, binary } }
}

async function keycloak(stops: Stop[]): Promise<Pick<StartedParts, 'keycloak'>> {
  const distribution = await obtainKeycloak()
  if (distribution === undefined) return skipped('Keycloak')
  const server = await startKeycloak(distribution)
  stops.push(server.stop)
  say(`Keycloak: running at ${server.baseUrl}`)
  return { keycloak: { baseUrl: server.baseUrl } }
}

async function clients(): Promise<Pick<StartedParts, 'clients'>> {
  const found = await obtainClients()
  return found === undefined ? skipped('HTTP clients') : { clients: found }
}

async function conformance(): Promise<Pick<StartedParts, 'conformance'>> {
  const found = await obtainConformanceSuite()
  return found === undefined ? skipped('MCP conformance suite') : { conformance: found }
}

async function recipes(): Promise<Pick<StartedParts, 'recipes'>> {
  const found = await obtainRecipes()
  return found === undefined ? skipped('recipes for MCP servers') : { recipes: found }
}

async function inspector(): Promise<Pick<StartedParts, 'inspector'>> {
  const found = await obtainInspector()
  return found === undefined ? skipped('MCP Inspector') : { inspector: found }
}

async function chromium(): Promise<Pick<StartedParts, 'chromium'>> {
  const found = await obtainChromium()
  return found === undefined ? skipped('Chromium') : { chromium: found }
}

async function envoy(): Promise<Pick<StartedParts, 'envoy'>> {
  const found = await obtainEnvoy()
  return found === undefined ? skipped('Envoy') : { envoy: found }
}

function skipped(part: string): Record<string, never> {
  say(`${part}: not in the cache and SALLYPORT_TEST_OFFLINE=1, so its tests are skipped`)
  return {}
}
