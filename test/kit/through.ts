/** Through the pages of sallyport alone, to one that asks nothing more. */
import type { Browser, Page } from './walk.ts'

export function page(at: Awaited<ReturnType<Browser['open']>>): Page {
  if ('left' in at) throw new Error(`left for ${at.left.href}`)
  return at
}

export interface Going {
  readonly as: string
  /** Called with each page that has a form; says which button, or that this is the page wanted. */
  readonly press?: (page: Page) => string | undefined
  readonly fields?: (page: Page) => Readonly<Record<string, string>>
}

/** Signs in, agrees and goes on until a page without a form. */
export async function through(
  browser: Browser,
  url: string | URL,
  { as, press, fields }: Going,
): Promise<Page> {
  let at = page(await browser.open(url))
  for (let count = 0; count < 12; count += 1) {
    const [form] = at.forms
    if (form === undefined || at.url.pathname === '/accounts') return at
    const wanted = press?.(at)
    if (wanted === 'stop') return at
    const button =
      form.buttons.find(({ value }) => value === (wanted ?? as)) ??
      (wanted === undefined ? form.buttons[0] : undefined)
    if (button === undefined) throw new Error(`no button ${wanted ?? ''}: ${at.says}`)
    at = page(await browser.submit(at, form, { button, fields: fields?.(at) ?? {} }))
  }
  throw new Error('the pages go round in a circle')
}
