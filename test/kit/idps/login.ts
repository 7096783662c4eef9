import type { ServerResponse } from 'node:http'

const page = (body: string) => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in to Acme</title></head>
<body><main>${body}</main></body>
</html>
`

const escaped = (text: string) =>
  text.replaceAll(
    /[&<>"]/g,
    (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char,
  )

export function plainPage(response: ServerResponse, status: number, says: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(page(`<h1>Sorry</h1><p>${escaped(says)}</p>`))
}

export interface LoginForm {
  readonly action: URL
  readonly fields: { readonly username: string; readonly password: string }
  readonly hint?: string | undefined
  /** Whether the last try failed. */
  readonly wrong?: boolean
}

export function loginPage(
  response: ServerResponse,
  { action, fields, hint = '', wrong = false }: LoginForm,
): void {
  const input = (name: string, kind: string, label: string, value = '') =>
    `<p><label>${label} <input type="${kind}" name="${name}" value="${escaped(value)}" required></label></p>`
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(
    page(`<h1>Sign in to Acme</h1>
${wrong ? '<p role="alert">Your account or password is incorrect.</p>' : ''}
<form method="post" action="${escaped(action.pathname + action.search)}">
${input(fields.username, 'text', 'User name', hint)}
${input(fields.password, 'password', 'Password')}
<p><button type="submit">Sign in</button></p>
</form>`),
  )
}
