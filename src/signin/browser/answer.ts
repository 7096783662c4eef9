import type { FastifyReply } from 'fastify'
import type { Page } from '../../pages/index.ts'

/** What a browser is answered: a page, or where it goes next. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** `Set-Cookie` values. */
  readonly cookies: readonly string[]
  readonly body: string
}

export function pageAnswer(status: number, { headers, html }: Page): Answer {
  return { status, headers, cookies: [], body: html }
}

/** Nothing on the way keeps it, and the next page is not told which one it was. 303 after a form (RFC 9110 §15.4.4). */
export function redirectAnswer(to: string, status: 302 | 303 = 302): Answer {
  const headers = { location: to, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }
  return { status, headers, cookies: [], body: '' }
}

export function withCookies(answer: Answer, ...cookies: readonly string[]): Answer {
  return { ...answer, cookies: [...answer.cookies, ...cookies] }
}

export function sendAnswer(reply: FastifyReply, { status, headers, cookies, body }: Answer): void {
  for (const cookie of cookies) void reply.header('set-cookie', cookie)
  void reply.status(status).headers(headers).send(body)
}
