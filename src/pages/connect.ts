import { html, type Html } from './html.ts'
import { type Page, page } from './page.ts'
import {
  type ClientView,
  clientFact,
  fact,
  type FormView,
  foreign,
  hiddenFields,
  type ScopeView,
  scopeList,
  type ServerView,
  serverFact,
  shortName,
} from './words.ts'

/** A service that people link an account of. */
export interface ServiceView {
  /** The name of the downstream, as configured. */
  readonly downstream: string
  /** What people call it, such as `GitHub`. */
  readonly title: string
}

interface Asked {
  /** The name of who is signed in. */
  readonly person: string
  /** Who asked. Without one, the person came by himself. */
  readonly client?: ClientView
  readonly server: ServerView
  readonly service: ServiceView
  readonly form: FormView
}

export interface ConnectView extends Asked {
  /** Where the person agrees, such as `github.com`. */
  readonly host: string
  /** The account that is linked already, where it is to be linked anew. */
  readonly account?: string
  readonly scopes: readonly ScopeView[]
  /** Set where another account of the same provider is linked: a second one needs a name. The field is `label`. */
  readonly label?: { readonly taken: readonly string[]; readonly value?: string; readonly problem?: string }
}

/** The agreement to link an account, asked before the provider is. The field is `answer`: `connect` or `cancel`. */
export function connectPage(view: ConnectView): Page {
  const { service, host, account, scopes, label, form } = view
  const body = html`${heading(view)}
<dl>
${facts(view)}${account !== undefined && fact('Account', html`<b>${foreign(account)}</b>`)}${fact(
  'What it may do there',
  scopes.length > 0
    ? scopeList(scopes)
    : `What ${service.title} gives every app: nothing is asked for by name`,
)}${fact('For', `As long as ${service.title} keeps it up, or until you disconnect it`)}${holder(view)}</dl>
<p class="soft small">Next you sign in at <b>${host}</b> and agree there.</p>
<form method="post" action="${form.action}">
${hiddenFields(form)}${label !== undefined && labelField(service, label)}
${actions(`Continue to ${service.title}`)}
</form>`
  return page({ title: `Connect ${service.title}`, body, leads: 'through' })
}

export interface ConnectSecretView extends Asked {
  /** Where a person finds the key, in the words of whoever runs the service. */
  readonly help?: string
  /** Why the last one was not taken. */
  readonly problem?: string
}

/** Asks for a person's own key. The fields are `secret` and `answer`: `connect` or `cancel`. */
export function connectSecretPage(view: ConnectSecretView): Page {
  const { service, help, problem, form } = view
  const body = html`${heading(view)}
<dl>
${facts(view)}${fact('For', 'Until you disconnect it')}${holder(view)}</dl>
<form method="post" action="${form.action}" autocomplete="off">
${hiddenFields(form)}<div class="field">
<label for="secret">Your key for ${service.title}</label>
<p class="hint" id="secret-hint">${help ?? 'Paste it here, never into a chat.'}</p>
<input id="secret" name="secret" type="password" required maxlength="8192" autocomplete="off" autocapitalize="off" spellcheck="false"
aria-describedby="secret-hint${problem !== undefined && ' secret-problem'}"${problem !== undefined && html` aria-invalid="true"`}>
${problem !== undefined && html`<p class="problem" id="secret-problem">${problem}</p>`}
</div>
${actions('Save the key')}
</form>`
  return page({ title: `Connect ${service.title}`, body, leads: 'own' })
}

export interface ConnectedView {
  readonly service: ServiceView
  /** Which account it is, as the provider names it. */
  readonly account?: string
  readonly label?: string
  readonly client?: ClientView
  /** The page of one's linked accounts. */
  readonly accountsAt: string
}

/** The end of it: what is linked now, and what to do next. */
export function connectedPage({ service, account, label, client, accountsAt }: ConnectedView): Page {
  const named = label !== undefined && html`, called <b>${foreign(label)}</b>`
  const body = html`<h1>${service.title} is connected</h1>
${account === undefined ? html`<p>The account is linked${named}.</p>` : html`<p>Your account <b>${foreign(account)}</b> is linked${named}.</p>`}
<p>Go back to ${client === undefined ? 'your app' : html`<b>${shortName(client)}</b>`} and call the tool again. You can close this page.</p>
<p class="soft small">Not the account you meant, or no longer wanted? <a href="${accountsAt}">See your linked accounts</a>.</p>`
  return page({ title: `${service.title} is connected`, body, leads: 'own' })
}

function heading({ person, client, server, service }: Asked): Html {
  const why =
    client === undefined
      ? html`<b>${server.name}</b> works with your own account there.`
      : html`A tool of <b>${server.name}</b> that was called from ${shortName(client)} works with your own account there.`
  return html`<h1>Connect your ${service.title} account</h1>
<p>${why}</p>
<p class="soft">You are signed in as <b>${foreign(person)}</b>.</p>`
}

function facts({ client, server, service }: Asked): Html {
  return html`${client !== undefined && fact('App', clientFact(client))}${fact('Server', serverFact(server))}${fact(
    'Service',
    html`<b>${service.title}</b> <span class="soft small">${service.downstream}</span>`,
  )}`
}

function holder({ client }: Asked): Html {
  const kept = client === undefined ? 'The app' : 'This app'
  return fact('Who holds it', `sallyport, encrypted. ${kept} never gets it, and neither does the server.`)
}

function labelField({ title }: ServiceView, label: NonNullable<ConnectView['label']>): Html {
  const { taken, value, problem } = label
  return html`<div class="field">
<label for="label">A name for this account</label>
<p class="hint" id="label-hint">You have linked another account of ${title}${taken.length > 0 && ` (${taken.join(', ')})`}. Small letters, digits
and dashes, such as “work”.</p>
<input id="label" name="label" type="text" required maxlength="32" pattern="[a-z0-9][a-z0-9\\-]*" value="${value}" autocomplete="off" autocapitalize="off"
spellcheck="false" aria-describedby="label-hint${problem !== undefined && ' label-problem'}"${problem !== undefined && html` aria-invalid="true"`}>
${problem !== undefined && html`<p class="problem" id="label-problem">${problem}</p>`}
</div>`
}

/** Cancelling asks for nothing: fields that are needed to connect do not stand in its way. */
function actions(connect: string): Html {
  return html`<div class="actions">
<button class="button main" name="answer" value="connect">${connect}</button>
<button class="button" name="answer" value="cancel" formnovalidate>Cancel</button>
</div>`
}
