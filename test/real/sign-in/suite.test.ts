/** The official suite's scenarios for authorization servers, against ours. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runAuthorizationSuite } from '../../conformance/suite.ts'
import { temporaryFolder } from '../../kit/folder.ts'
import { freePort } from '../../kit/parts/process.ts'
import { parts } from '../../kit/parts.ts'
import { createBrowser, walk } from '../../kit/walk.ts'
import { type CompanyName, isHere } from './companies.ts'
import { flowDone, startScene } from './scene.ts'

const { conformance: suite } = parts()
const companies: readonly CompanyName[] = ['Keycloak', 'Entra']

describe.skipIf(suite === undefined)('the conformance suite for authorization servers', () => {
  it.for(companies)('passes every check, with people signing in through %s', async (name, context) => {
    context.skip(!isHere(name))
    const port = await freePort()
    const back = `http://127.0.0.1:${port}/callback`
    const scene = await startScene(name, {
      more: `clients: { suite: { id: suite, redirects: ["${back}"] } }`,
    })
    const folder = join(temporaryFolder(), 'results')
    mkdirSync(folder)
    const browser = createBrowser({ leaveAt: back })
    const checks = await runAuthorizationSuite({
      ...{ suite: suite!, url: scene.url, folder, resource: scene.endpoint },
      client: { id: 'suite', port },
      visit: async (url) => fetch(await walk(browser, url, { as: scene.company.alice })),
    })
    expect(checks.map(({ id, status, errorMessage }) => [id, status, errorMessage]).sort()).toEqual([
      ['authorization-code-grant', 'SUCCESS', undefined],
      ['authorization-server-metadata', 'SUCCESS', undefined],
      ['authorization-server-metadata-cimd', 'SUCCESS', undefined],
    ])
    flowDone(context, `conformance suite, ${name}`)
  })
})
