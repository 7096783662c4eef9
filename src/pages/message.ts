import type { SallyportError } from '../model/index.ts'
import { html, type Html } from './html.ts'
import { type Page, page } from './page.ts'
import { type ClientView, destination, shortName } from './words.ts'

export interface MessageView {
  readonly heading: string
  /** A stable code of the error table, for whoever is asked for help. */
  readonly code?: string
  /** Our own words, never those of another party. */
  readonly sentence: string
  readonly next?: string
  readonly link?: { readonly at: string; readonly text: string }
  readonly requestId?: string
}

/** An error or a notice. */
export function messagePage({ heading, code, sentence, next, link, requestId }: MessageView): Page {
  const body = html`<h1>${heading}</h1>
<p>${sentence}</p>
${next !== undefined && html`<p>${next}</p>`}
${link !== undefined && html`<div class="actions"><a class="button main" href="${link.at}">${link.text}</a></div>`}
${reference(code, requestId)}`
  return page({ title: heading, body, leads: 'through' })
}

/** A failure by its row of the error table; the status is the row's as well. */
export function errorPage(error: SallyportError, requestId: string): Page {
  const { row, code } = error
  const heading = row.status < 500 ? 'This did not work' : 'Something is wrong on our side'
  return messagePage({ heading, code, sentence: row.sentence, next: nextSteps[row.next], requestId })
}

const nextSteps: Readonly<Record<SallyportError['row']['next'], string>> = {
  login: 'Go back to your app and sign in again.',
  connect: 'Go back to your app: it shows you how to connect your account.',
  approve: 'Somebody has to approve this first.',
  retry: 'Wait a moment, then try again.',
  configure: 'Tell whoever runs sallyport here, and name the code below.',
  none: 'Go back to your app and begin again. If it stays like this, tell whoever runs sallyport here.',
}

function reference(code?: string, requestId?: string): Html | undefined {
  if (code === undefined && requestId === undefined) return undefined
  const request =
    requestId !== undefined && html`<div><dt>Request</dt><dd><code>${requestId}</code></dd></div>`
  return html`<dl class="small">
${code !== undefined && html`<div><dt>Code</dt><dd><code>${code}</code></dd></div>`}
${request}
</dl>`
}

/** Schemes that would run something in this browser in place of opening an app. */
const noApp = /^(?:javascript|data|vbscript|blob|file|about|view-source|filesystem):/i

export interface HandOverView {
  readonly client: ClientView
  /** The redirect URI with its parameters: of a scheme that an app of this device opens. */
  readonly to: string
}

/**
 * The answer where the redirect URI is no web address: a browser that is redirected to one stays where it is, and
 * would leave the form standing, ready to be sent a second time.
 */
export function handOverPage({ client, to }: HandOverView): Page {
  if (noApp.test(to)) throw new TypeError('a redirect URI must not run in the browser')
  const name = shortName(client)
  const body = html`<h1>Back to ${name}</h1>
<p>Your browser asks whether it may open ${destination(to)}. When the app has opened, you can close this page.</p>
<div class="actions"><a class="button main" href="${to}">Open ${name}</a></div>`
  const head = html`<meta http-equiv="refresh" content="0; url=${to}">`
  return page({ title: `Back to ${name}`, body, head, leads: 'through' })
}
