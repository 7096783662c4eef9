/**
 * A browser without a screen: cookies, redirects, forms, and the rules that a real one keeps where a sign-in can break
 * on them (SameSite, `Origin`, `form-action`). It goes through the pages of sallyport and of identity providers.
 */
import { createJar, type Jar } from './walk/cookies.ts'
import { type Button, type Form, formsOf, type Link, linksOf, saidBy } from './walk/html.ts'

export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly html: string
  /** What a reader sees. */
  readonly says: string
  readonly forms: readonly Form[]
  readonly links: readonly Link[]
}

/** The address at which the browser leaves the pages: the client's redirect URI with the answer. Nobody asked for it. */
export interface Left {
  readonly left: URL
}

/** What was asked for on the way, without what was sent. */
export interface Step {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly status: number
}

export interface Browser {
  readonly jar: Jar
  readonly steps: readonly Step[]
  /** As if the person had been sent to this address by a program outside the browser. */
  open(url: string | URL): Promise<Page | Left>
  follow(page: Page, link: Link): Promise<Page | Left>
  /** Sends a form of a page as it stands there, with these fields in place of its own. */
  submit(
    page: Page,
    form: Form,
    more?: { readonly fields?: Fields; readonly button?: Button },
  ): Promise<Page | Left>
}

export type Fields = Readonly<Record<string, string>>

export interface BrowserOptions {
  /** Addresses that begin so are not asked for: the redirect URIs of clients. */
  readonly leaveAt: string
  /** Goes before the answer of each step is judged. */
  readonly onStep?: (step: Step) => void
  /** How it reaches addresses; where nothing is said, as the machine does. */
  readonly fetch?: (url: URL, init: RequestInit) => Promise<Response>
}

interface Going {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly body?: string
  /** The page whose link, form or redirect this is. */
  readonly from?: URL
  readonly referrerPolicy?: string | null
  /** `form-action` of the page whose form began this: Chromium holds its redirects to it, too. */
  readonly formAction?: readonly string[]
}

const maxSteps = 25
const limitMs = 60_000

export function createBrowser({ leaveAt, onStep, fetch: reach = fetch }: BrowserOptions): Browser {
  const jar = createJar()
  const steps: Step[] = []

  async function go(first: Going): Promise<Page | Left> {
    let going = first
    for (let count = 0; count < maxSteps; count += 1) {
      hold(going)
      if (going.url.href.startsWith(leaveAt)) return { left: going.url }
      const response = await ask(going)
      const place = response.headers.get('location')
      if (place === null || response.status < 300 || response.status > 399) return read(going.url, response)
      await response.body?.cancel()
      going = redirected(going, response.status, new URL(place, going.url))
    }
    throw new Error(
      `redirected ${maxSteps} times: ${steps
        .slice(-4)
        .map(({ url }) => url.href)
        .join(' → ')}`,
    )
  }

  async function ask(going: Going): Promise<Response> {
    const { url, method, body, from } = going
    const crossSite = from === undefined || from.hostname !== url.hostname
    const cookie = jar.header(url, { crossSite, method })
    const response = await reach(url, {
      method,
      redirect: 'manual',
      headers: {
        accept: 'text/html,application/xhtml+xml',
        'sec-fetch-dest': 'document',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-site': from === undefined ? 'none' : siteOf(from, url),
        ...(cookie === undefined ? {} : { cookie }),
        ...(method === 'POST'
          ? { origin: originOf(going), 'content-type': 'application/x-www-form-urlencoded' }
          : {}),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(limitMs),
    })
    jar.keep(url, response.headers.getSetCookie())
    const step = { method, url, status: response.status }
    steps.push(step)
    onStep?.(step)
    return response
  }

  return {
    jar,
    steps,
    open: (url) => go({ url: new URL(url), method: 'GET' }),
    follow: (page, { to }) => go({ url: to, method: 'GET', from: page.url }),
    submit(page, form, { fields = {}, button } = {}) {
      const body = encoded(form, fields, button)
      const { method, action } = form
      const policy = directive(page.headers, 'form-action')
      const head = { method, from: page.url, referrerPolicy: page.headers.get('referrer-policy') }
      const rules = policy === undefined ? {} : { formAction: policy }
      if (method === 'POST') return go({ url: action, body, ...head, ...rules })
      const url = new URL(action)
      url.search = body
      return go({ url, ...head, ...rules })
    },
  }
}

async function read(url: URL, response: Response): Promise<Page> {
  const html = await response.text()
  const { status, headers } = response
  if (response.headers.get('content-type')?.startsWith('text/html') !== true)
    return { url, status, headers, html, says: html, forms: [], links: [] }
  return {
    url,
    status,
    headers,
    html,
    says: saidBy(html),
    forms: formsOf(html, url),
    links: linksOf(html, url),
  }
}

/** 307 and 308 send the form on; everything else becomes a GET (Fetch §4.4). */
function redirected(going: Going, status: number, url: URL): Going {
  const { body: _, method: _method, ...kept } = going
  return status === 307 || status === 308 ? { ...going, url } : { ...kept, url, method: 'GET' }
}

const siteOf = (from: URL, to: URL): string =>
  from.origin === to.origin ? 'same-origin' : from.hostname === to.hostname ? 'same-site' : 'cross-site'

/** A page that gives no referrer says `null` here, too. */
function originOf({ url, from, referrerPolicy }: Going): string {
  if (from === undefined || referrerPolicy === 'no-referrer') return 'null'
  return referrerPolicy === 'same-origin' && from.origin !== url.origin ? 'null' : from.origin
}

function directive(headers: Headers, name: string): readonly string[] | undefined {
  const parts = (headers.get('content-security-policy') ?? '')
    .split(/[;,]/)
    .map((part) => part.trim().split(/\s+/))
  return parts.find(([first]) => first?.toLowerCase() === name)?.slice(1)
}

function hold({ url, from, formAction }: Going): void {
  if (formAction === undefined || from === undefined) return
  if (!formAction.some((source) => allows(source, url, from)))
    throw new Error(
      `${from.href}: its form-action (${formAction.join(' ')}) keeps a browser from ${url.href}`,
    )
}

/** One source expression (CSP3 §6.7.2.8), as far as pages use them. */
function allows(source: string, url: URL, page: URL): boolean {
  if (source === "'self'") return url.origin === page.origin
  if (source === '*') return /^https?:$/.test(url.protocol)
  if (/^[a-z][a-z0-9+.-]*:$/i.test(source)) return url.protocol === source.toLowerCase()
  const found = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[^\]]+\]|[^:/]+)(?::(\d+|\*))?(\/.*)?$/i.exec(source)
  if (found === null) return false
  const [, scheme = page.protocol.slice(0, -1), host, port, path] = found
  if (`${scheme}:` !== url.protocol || host !== url.hostname) return false
  if (port !== '*' && (port ?? '') !== url.port) return false
  return path === undefined || (path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname === path)
}

function encoded(form: Form, fields: Fields, button: Button | undefined): string {
  const own = form.fields.filter(
    ({ kind, checked, name }) => name !== '' && (checked || !/^(?:checkbox|radio)$/.test(kind)),
  )
  const pairs = own.map(({ name, value }) => [name, fields[name] ?? value])
  const unknown = Object.keys(fields).find((name) => !form.fields.some((field) => field.name === name))
  if (unknown !== undefined) throw new Error(`the form has no field ${unknown}`)
  for (const { name, checked } of form.fields)
    if (!own.some((field) => field.name === name) && !checked && fields[name] !== undefined)
      pairs.push([name, fields[name]])
  if (button !== undefined && button.name !== '') pairs.push([button.name, button.value])
  return new URLSearchParams(pairs as [string, string][]).toString()
}

export interface Person {
  readonly username: string
  readonly password: string
}

export interface WalkOptions {
  readonly as: Person
  /** Which button a form is left by; where nothing is said, the one of the person, or else the first. */
  readonly press?: (page: Page, buttons: readonly Button[]) => Button | undefined
}

/** Types, presses and goes on until the client's redirect URI. Throws what a page says that does not lead on. */
export async function walk(browser: Browser, url: string | URL, { as, press }: WalkOptions): Promise<URL> {
  const begun = browser.steps.length
  let at = await browser.open(url)
  for (let pages = 0; pages < maxSteps; pages += 1) {
    if ('left' in at) return at.left
    const page: Page = at
    const [form] = page.forms
    const link = page.links.find(({ classes }) => classes.includes('main'))
    if (page.status !== 200 || (form === undefined && link === undefined))
      throw new Error(`${page.url.href} ends with ${page.status}: ${page.says.slice(0, 500)}`)
    if (form === undefined) at = await browser.follow(page, link!)
    else {
      const fields = typed(form, as)
      if (Object.keys(fields).length > 0 && browser.steps.slice(begun).some(isSame(form)))
        throw new Error(`${page.url.href} does not let ${as.username} in: ${page.says.slice(0, 500)}`)
      const own = form.buttons.find(({ value }) => value === as.username)
      const button = press?.(page, form.buttons) ?? own ?? form.buttons[0]
      at = await browser.submit(page, form, { fields, ...(button === undefined ? {} : { button }) })
    }
  }
  throw new Error('the pages go round in a circle')
}

/** Whether it was sent before, a part of its address that changes left aside. */
const isSame =
  ({ action }: Form) =>
  ({ method, url }: Step): boolean =>
    method === 'POST' && url.origin === action.origin && url.pathname === action.pathname

/** A password asks for the name in the field before it. */
function typed(form: Form, { username, password }: Person): Fields {
  const secret = form.fields.findIndex(({ kind }) => kind === 'password')
  if (secret === -1) return {}
  const name = form.fields.slice(0, secret).findLast(({ kind }) => kind === 'text' || kind === 'email')
  return { [form.fields[secret]!.name]: password, ...(name === undefined ? {} : { [name.name]: username }) }
}
