import { html } from './html.ts'
import { type Page, page } from './page.ts'
import {
  type ClientView,
  clientName,
  type FormView,
  hiddenFields,
  type ServerView,
  shortName,
} from './words.ts'

export interface SignInView {
  readonly client: ClientView
  readonly server: ServerView
  /** The host of the identity provider. */
  readonly idpHost: string
  /** A path of our own that leads there. A link and no form, so that no redirect after it is held up. */
  readonly continueAt: string
}

/** The hand-off to the identity provider. */
export function signInPage({ client, server, idpHost, continueAt }: SignInView): Page {
  const body = html`<h1>Sign in to use ${server.name}</h1>
<p>You came here from ${clientName(client)}, which wants to use <b>${server.name}</b> for you.</p>
<p class="soft small">You sign in at <b>${idpHost}</b>. Neither the app nor sallyport sees your password.</p>
<div class="actions"><a class="button main" href="${continueAt}">Continue to ${idpHost}</a></div>`
  return page({ title: `Sign in for ${shortName(client)}`, body, leads: 'through' })
}

export interface DevSignInView {
  readonly people: readonly { readonly name: string; readonly groups: readonly string[] }[]
  readonly form: FormView
}

/** The identity provider of `sallyport dev`: who presses a button is that person. The field is `user`. */
export function devSignInPage({ people, form }: DevSignInView): Page {
  const buttons = people.map(
    ({ name, groups }) => html`<button class="button who" name="user" value="${name}">Continue as ${name}
<span>${groups.length === 0 ? 'In no group' : `In ${groups.join(', ')}`}</span></button>\n`,
  )
  const body = html`<h1>Who are you today?</h1>
<p>This is the sign-in of <code>sallyport dev</code>: no password, and people who are made up.</p>
<form method="post" action="${form.action}">
${hiddenFields(form)}<div class="actions">
${buttons}</div>
</form>`
  return page({ title: 'Sign in for development', body, leads: 'through' })
}
