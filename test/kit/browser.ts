/** A real browser for tests: one process for a file, a page with cookies of its own for a test. */
import { writeFile } from 'node:fs/promises'
import axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { parts } from './parts.ts'

export type { Browser, Page } from 'playwright-core'

/** Close it after the last test: `afterAll(() => browser.close())`. Root cannot have Chromium's sandbox. */
export function startBrowser(): Promise<Browser> {
  const part = parts().chromium
  if (part === undefined)
    throw new Error('Chromium is not here: skip this suite if parts().chromium is undefined')
  return chromium.launch({
    executablePath: part.executable,
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-gpu', '--disable-dev-shm-usage'],
    env: { ...process.env, ...part.env },
  })
}

export interface Look {
  readonly scheme?: 'light' | 'dark'
  /** In CSS pixels: 320 is the narrowest phone (WCAG 2.2, 1.4.10). */
  readonly width?: number
}

/** A page in a context of its own, which ends with the test: nobody else's cookies, and its own to nobody. */
export async function openPage(
  browser: Browser,
  { scheme = 'light', width = 1280 }: Look = {},
): Promise<Page> {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 800 } })
  onTestFinished(() => context.close())
  context.setDefaultTimeout(5000)
  return context.newPage()
}

/** What axe finds against WCAG 2.2 A and AA and its own best practices, one line each. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  // Through the debugger, so that the page's own policy stays as it is.
  await page.evaluate(axe.source)
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const { violations, incomplete } = await page.evaluate(
    (values) => (globalThis as unknown as { axe: typeof axe }).axe.run({ runOnly: { type: 'tag', values } }),
    tags,
  )
  return [...violations, ...incomplete].flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `${id}: ${help}: ${html}`),
  )
}

/** The whole page as a picture, for people to look at. */
export async function picture(page: Page, file: string): Promise<void> {
  await writeFile(file, await page.screenshot({ fullPage: true }))
}
