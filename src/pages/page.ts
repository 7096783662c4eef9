import { html, type Html } from './html.ts'
import { style, styleHash } from './style.ts'

/** A page as it is sent: the headers belong to it, and go out with every status. */
export interface Page {
  readonly headers: Readonly<Record<string, string>>
  readonly html: string
}

export interface Content {
  /** What the tab and a screen reader say first. */
  readonly title: string
  readonly body: Html
  /** More for the head. */
  readonly head?: Html
  /**
   * `through`: stands in the way of a sign-in or of a connection, which goes on to another origin. `own`: the person
   * stays with sallyport.
   */
  readonly leads: 'through' | 'own'
}

export function page({ title, body, head, leads }: Content): Page {
  const whole = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – sallyport</title>
<style>${style}</style>
${head}
</head>
<body>
<header>sallyport</header>
<main>
${body}
</main>
</body>
</html>
`
  return { headers: pageHeaders(leads), html: whole.toString() }
}

/**
 * No script, no frame, no picture, nothing from elsewhere, nothing kept.
 *
 * On the way `through`, two headers are left out because they break what they stand in. Browsers hold `form-action`
 * against every redirect that follows a form, and where a client or a provider sends people next is not ours to
 * know. And `cross-origin-opener-policy` cuts a client that signs in in a window of its own off that window for good.
 *
 * `same-origin` and not `no-referrer`: with the latter, browsers send `Origin: null` with our own forms (Fetch §3.2).
 */
function pageHeaders(leads: Content['leads']): Readonly<Record<string, string>> {
  const policy = `default-src 'none'; style-src ${styleHash}; base-uri 'none'; frame-ancestors 'none'`
  const own = { 'cross-origin-opener-policy': 'same-origin' }
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': leads === 'own' ? `${policy}; form-action 'self'` : policy,
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...(leads === 'own' ? own : {}),
  }
}
