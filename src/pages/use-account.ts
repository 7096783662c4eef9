import { html } from './html.ts'
import { type Page, page } from './page.ts'
import type { ServiceView } from './connect.ts'
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

export interface UseAccountView {
  /** The name of who is signed in. */
  readonly person: string
  readonly client: ClientView
  readonly server: ServerView
  readonly service: ServiceView
  /** Where another account would be linked, such as `github.com`. */
  readonly host: string
  readonly scopes: readonly ScopeView[]
  /** The person's own accounts there, as the provider names them. */
  readonly accounts: readonly { readonly id: string; readonly name: string }[]
  readonly form: FormView
}

/**
 * The agreement that an app uses an account that is linked already. The fields are `answer`: `connect` or `cancel`, and
 * `use`: the account, or nothing to link another one.
 */
export function useAccountPage(view: UseAccountView): Page {
  const { person, client, server, service, host, scopes, accounts, form } = view
  const title = `Let ${shortName(client)} use your ${service.title} account?`
  const choice = ({ id, name }: UseAccountView['accounts'][number], at: number) => html`<p>
<input type="radio" id="use-${at}" name="use" value="${id}" required${at === 0 && html` checked`}> <label for="use-${at}">${foreign(name)}</label></p>
`
  const body = html`<h1>${title}</h1>
<p class="soft">You are signed in as <b>${foreign(person)}</b>.</p>
<dl>
${fact('App', clientFact(client))}${fact('Through', serverFact(server))}${fact(
  'Service',
  html`<b>${service.title}</b> <span class="soft small">${service.downstream}</span>`,
)}${scopes.length > 0 && fact('What it may do there', scopeList(scopes))}${fact(
  'For',
  'Until you disconnect the account or the agreement is revoked',
)}</dl>
<form method="post" action="${form.action}">
${hiddenFields(form)}<fieldset>
<legend>Which account?</legend>
${accounts.map(choice)}<p>
<input type="radio" id="use-other" name="use" value=""> <label for="use-other">Link another one at ${host}</label></p>
</fieldset>
<div class="actions">
<button class="button main" name="answer" value="connect">Continue</button>
<button class="button" name="answer" value="cancel">Cancel</button>
</div>
</form>`
  return page({ title, body, leads: 'through' })
}
