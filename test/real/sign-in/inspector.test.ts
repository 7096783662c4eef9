/** The MCP Inspector as it is published, told nothing but the address of the server. */
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { startBrowser } from '../../kit/browser.ts'
import { temporaryFolder } from '../../kit/folder.ts'
import { runInspector, startInspectorPage } from '../../kit/inspector.ts'
import { freePort } from '../../kit/parts/process.ts'
import { parts } from '../../kit/parts.ts'
import { createBrowser, walk } from '../../kit/walk.ts'
import { type CompanyName, isHere } from './companies.ts'
import { flowDone, startScene } from './scene.ts'
import { goThroughPages } from './pages.ts'

const { inspector, chromium } = parts()
const companies: readonly CompanyName[] = ['Keycloak', 'Entra', 'Okta', 'the built-in sign-in']

describe.skipIf(inspector === undefined)('the MCP Inspector', () => {
  it.for(companies)(
    'signs in from the command line through %s, and stays signed in',
    async (name, context) => {
      context.skip(!isHere(name))
      const scene = await startScene(name)
      const folder = temporaryFolder()
      const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`
      const call = ['--method', 'tools/call', '--tool-name', 'read_order', '--format', 'json']
      const args = [scene.endpoint, '--transport', 'http', ...call, '--callback-url', callback]
      const browser = createBrowser({ leaveAt: callback })
      const visit = async (url: URL) => fetch(await walk(browser, url, { as: scene.company.alice }))
      const first = await runInspector({ inspector: inspector!, folder, args, visit })
      expect(first.err).toContain('Authorization complete')
      expect(JSON.parse(first.out)).toMatchObject({
        result: { content: [{ text: expect.stringMatching(/^200 /) }] },
      })
      const again = await runInspector({
        inspector: inspector!,
        folder,
        args: [...args, '--stored-auth-only'],
      })
      expect(again.code, again.err).toBe(0)
      flowDone(context, `MCP Inspector, command line, ${name}`)
    },
  )
})

describe.skipIf(inspector === undefined || chromium === undefined)(
  'the page of the MCP Inspector',
  async () => {
    const browser = chromium === undefined ? undefined : await startBrowser()
    afterAll(() => browser?.close())

    it.for(companies)('signs in through %s in a real browser and calls a tool', async (name, context) => {
      context.skip(!isHere(name))
      const scene = await startScene(name)
      const page = await startInspectorPage({
        inspector: inspector!,
        folder: temporaryFolder(),
        url: scene.endpoint,
      })
      onTestFinished(() => page.stop())
      const tab = await (await browser!.newContext()).newPage()
      onTestFinished(() => tab.context().close())
      await tab.goto(page.url.href)
      await tab.getByRole('switch').click({ force: true })
      await goThroughPages(tab, scene.company.alice, page.url.origin)
      await tab.getByText('Connected', { exact: true }).waitFor()
      await tab.getByText('Tools', { exact: true }).first().click()
      await tab.getByText('read_order', { exact: true }).first().click()
      await tab.getByRole('button', { name: 'Execute Tool' }).click()
      await tab.getByText('200 ').waitFor()
      flowDone(context, `MCP Inspector, its page in Chromium, ${name}`)
    })
  },
)
