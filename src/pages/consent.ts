import type { Seconds } from '../model/index.ts'
import { html, type Html } from './html.ts'
import { type Page, page } from './page.ts'
import {
  type ClientView,
  clientFact,
  destination,
  fact,
  type FormView,
  foreign,
  hiddenFields,
  type ScopeView,
  scopeList,
  type ServerView,
  serverFact,
  shortName,
  span,
} from './words.ts'

export interface ConsentView {
  /** The name of who is signed in. */
  readonly person: string
  readonly client: ClientView & { readonly returnsTo: string }
  readonly server: ServerView
  readonly scopes: readonly ScopeView[]
  readonly lasts: { readonly longest: Seconds; readonly idle: Seconds }
  readonly form: FormView
}

/** Who gives what to whom and for how long. The field is `answer`: `allow` or `deny`. */
export function consentPage({ person, client, server, scopes, lasts, form }: ConsentView): Page {
  const body = html`<h1>Let ${shortName(client)} use ${server.name}?</h1>
<p class="soft">You are signed in as <b>${foreign(person)}</b>.</p>
${client.verified === undefined && unverified(client.returnsTo)}
<dl>
${fact('App', clientFact(client))}${fact('May use', serverFact(server))}${fact('In your name', may(scopes))}${fact(
  'For',
  `${span(lasts.longest)} at most; it ends after ${span(lasts.idle)} without use`,
)}${fact('Your answer goes to', destination(client.returnsTo))}</dl>
<form method="post" action="${form.action}">
${hiddenFields(form)}<div class="actions pair">
<button class="button main" name="answer" value="allow">Allow</button>
<button class="button" name="answer" value="deny">Deny</button>
</div>
</form>`
  return page({ title: `Let ${shortName(client)} use ${server.name}?`, body, leads: 'through' })
}

function may(scopes: readonly ScopeView[]): Html {
  if (scopes.length > 0) return scopeList(scopes)
  return html`Call its tools, as far as your company’s rules allow it. Each call is recorded.`
}

function unverified(returnsTo: string): Html {
  return html`<div class="note warn">
<p><b>Nobody has verified this app.</b> Any app can give itself any name. Allow it only if you have just begun to sign in from an app of
yours, and if your answer should go to ${destination(returnsTo)}.</p>
</div>`
}
