/** Every page in a real browser: who uses it by keyboard, on a phone, in the dark or with a screen reader can. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accessibilityFaults, type Browser, openPage, picture, startBrowser } from '../kit/browser.ts'
import { parts } from '../kit/parts.ts'
import { everyPage } from '../pages/views.ts'

const pages = everyPage()
const looks = [
  { scheme: 'light', width: 1280 },
  { scheme: 'light', width: 320 },
  { scheme: 'dark', width: 1280 },
  { scheme: 'dark', width: 320 },
] as const
const pictures = process.env['SALLYPORT_PICTURES'] ?? mkdtempSync(join(tmpdir(), 'sallyport-pages-'))
mkdirSync(pictures, { recursive: true })

describe.skipIf(parts().chromium === undefined)('pages in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterAll(() => browser.close())

  const server = createServer((request, response) => {
    const { html, headers } = pages[request.url!.slice(1)]!
    response.writeHead(200, headers).end(html)
  })
  let origin = ''
  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())

  describe.each(looks)('$scheme, $width px wide', (look) => {
    it.each(Object.keys(pages))('%s has no fault of accessibility and fits', async (name) => {
      const page = await openPage(browser, look)
      await page.goto(`${origin}/${name}`, { waitUntil: 'commit' })
      expect(await accessibilityFaults(page)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(look.width)
      await picture(page, join(pictures, `${name}-${look.scheme}-${look.width}.png`))
    })
  })
})
