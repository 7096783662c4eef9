import type { Page } from '../../kit/browser.ts'
import type { Person } from '../../kit/walk.ts'

/** Does what the pages on the way ask of a person who is sent away, until the browser is at this origin again. */
export async function goThroughPages(
  tab: Page,
  { username, password }: Person,
  until: string,
): Promise<void> {
  const isBack = (url: URL) => url.origin === until
  await tab.waitForURL((url) => !isBack(url))
  for (let pages = 0; pages < 8; pages += 1) {
    await tab.waitForLoadState('domcontentloaded')
    if (isBack(new URL(tab.url()))) return
    const secret = tab.locator('input[type=password]')
    const own = tab.locator(`button[value="${username}"]`)
    const next = tab
      .locator('form button[type=submit], form button:not([type]), form input[type=submit], a.main')
      .first()
    const before = tab.url()
    if ((await secret.count()) > 0) {
      await tab.locator('input[type=text], input[type=email]').first().fill(username)
      await secret.fill(password)
    }
    await ((await own.count()) > 0 ? own : next).click()
    await tab.waitForURL((url) => url.href !== before)
  }
  throw new Error(`the pages go on at ${tab.url()}`)
}
