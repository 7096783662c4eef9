/** The whole sign-in in a real browser: an application of the person's own machine opens it and waits for its answer. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { accessibilityFaults, type Browser, startBrowser } from '../../kit/browser.ts'
import { parts } from '../../kit/parts.ts'
import { signIn } from '../../kit/sdk-clients.ts'
import { type CompanyName, isHere } from './companies.ts'
import { listenForAnswer } from './loopback.ts'
import { goThroughPages } from './pages.ts'
import { flowDone, startScene } from './scene.ts'

const companies: readonly CompanyName[] = ['Keycloak', 'Entra', 'the built-in sign-in']

describe.skipIf(parts().chromium === undefined)('the SDK’s client, with a person in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterAll(() => browser.close())

  it.for(companies)('signs in through %s', async (name, context) => {
    context.skip(!isHere(name))
    const scene = await startScene(name)
    const { redirect, answered } = await listenForAnswer()
    const surroundings = await browser.newContext()
    onTestFinished(() => surroundings.close())
    const tab = await surroundings.newPage()
    const faults: string[] = []
    const refused: string[] = []
    tab.on('console', (line) => {
      if (line.type() === 'error') refused.push(line.text())
    })
    const client = await signIn('v1', {
      ...{ url: scene.endpoint, redirect },
      visit: async (url) => {
        await tab.goto(url.href)
        faults.push(...(await accessibilityFaults(tab)))
        await goThroughPages(tab, scene.company.alice, new URL(redirect).origin)
        return answered
      },
    })
    onTestFinished(() => client.close())
    expect((await client.call('read_order', {})).text).toMatch(/^200 /)
    expect(faults).toEqual([])
    expect(refused.filter((line) => line.includes('Content Security Policy'))).toEqual([])
    const kept = await surroundings.cookies(scene.url)
    expect(kept.filter(({ name: it, httpOnly }) => it.startsWith('sallyport') && !httpOnly)).toEqual([])
    flowDone(context, `SDK v1, a person in Chromium, ${name}`)
  })
})
