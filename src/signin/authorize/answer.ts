import type { SallyportError } from '../../model/index.ts'
import { type ClientView, handOverPage } from '../../pages/index.ts'
import { type Answer, pageAnswer, redirectAnswer } from '../browser/answer.ts'
import type { Client } from '../shapes.ts'

/** Where the answer of a request goes. By now it is known to be the client's. */
export interface Back {
  readonly client: Client
  readonly redirect: string
  readonly state: string | undefined
  /** Our own issuer (RFC 9207). */
  readonly issuer: string
}

export function viewOf(
  { title, says }: Client,
  redirect: string,
): ClientView & { readonly returnsTo: string } {
  return {
    ...(title === undefined ? {} : { verified: title }),
    ...(says === undefined ? {} : { says }),
    returnsTo: redirect,
  }
}

/** The redirect URI with the answer (RFC 6749 §4.1.2). What it had in its query stays. */
export function answerUrl(
  { redirect, state, issuer }: Back,
  answer: Readonly<Record<string, string>>,
): string {
  const parameters = new URLSearchParams({
    ...answer,
    ...(state === undefined ? {} : { state }),
    iss: issuer,
  })
  return `${redirect}${redirect.includes('?') ? '&' : '?'}${parameters.toString()}`
}

/** An error in the words of RFC 6749 §4.1.2.1. */
export function errorUrl(back: Back, error: SallyportError): string {
  const { row, facts } = error
  const named = row.oauth === 'invalid_token' ? 'access_denied' : row.oauth
  const fallback = row.status >= 500 ? 'server_error' : 'invalid_request'
  const description = facts.hint === undefined ? row.sentence : `${row.sentence} ${facts.hint}`
  return answerUrl(back, { error: named ?? fallback, error_description: description })
}

/** Sends the browser to the client, after a form or a link. What opens no page of the web gets a page in between. */
export function leave({ client, redirect }: Back, to: string, after: 'form' | 'link'): Answer {
  if (/^https?:/.test(to)) return redirectAnswer(to, after === 'form' ? 303 : 302)
  return pageAnswer(200, handOverPage({ client: viewOf(client, redirect), to }))
}
