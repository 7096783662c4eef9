import type { EpochSeconds } from '../model/index.ts'
import type { ServiceView } from './connect.ts'
import { html, type Html } from './html.ts'
import { type Page, page } from './page.ts'
import {
  atMinute,
  fact,
  type FormView,
  foreign,
  hiddenFields,
  onDay,
  type ScopeView,
  scopeList,
} from './words.ts'

export interface AccountView {
  readonly service: ServiceView
  /** As the provider names it. */
  readonly account?: string
  readonly label?: string
  /** The names of the servers that use it. */
  readonly servers: readonly string[]
  readonly scopes: readonly ScopeView[]
  readonly since: EpochSeconds
  readonly lastUsed?: EpochSeconds
  /** Where to link it anew: set when it works no more. */
  readonly reconnectAt?: string
  readonly disconnect: FormView
}

export interface AccountsView {
  /** The name of who is signed in. */
  readonly person: string
  readonly accounts: readonly AccountView[]
  /** What has just been done. */
  readonly notice?: string
}

/** A person's own linked accounts. */
export function accountsPage({ person, accounts, notice }: AccountsView): Page {
  const list =
    accounts.length === 0
      ? html`<p>You have linked no account. When a tool needs one, your app shows you a link.</p>`
      : html`<ul>${accounts.map(item)}</ul>`
  const body = html`<h1>Your linked accounts</h1>
<p class="soft">You are signed in as <b>${foreign(person)}</b>.</p>
${notice !== undefined && html`<div class="note" role="status"><p>${notice}</p></div>`}
${list}`
  return page({ title: 'Your linked accounts', body, leads: 'own' })
}

function item(view: AccountView, at: number): Html {
  const { service, account, servers, scopes, since, lastUsed, disconnect } = view
  const name = account ?? view.label
  return html`<li class="account">
<h2 id="account-${at}">${service.title}${name !== undefined && html` <span class="soft">${foreign(name)}</span>`}</h2>
${view.reconnectAt !== undefined && stopped(view.reconnectAt, service)}
<dl>
${account !== undefined && view.label !== undefined && fact('Called', foreign(view.label))}${fact(
  'Used by',
  servers.length === 0 ? 'no server' : servers.join(', '),
)}${scopes.length > 0 && fact('May', scopeList(scopes))}${fact('Linked', onDay(since))}${
  lastUsed !== undefined && fact('Last used', atMinute(lastUsed))
}</dl>
<form method="post" action="${disconnect.action}">
${hiddenFields(disconnect)}<button class="button bad" aria-describedby="account-${at}">Disconnect</button>
</form>
</li>`
}

function stopped(reconnectAt: string, { title }: ServiceView): Html {
  return html`<div class="note warn"><p>This works no more. <a href="${reconnectAt}">Connect ${title} again</a></p></div>`
}
