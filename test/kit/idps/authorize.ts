/** The authorization endpoint of a stub provider, and its login page. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { loginPage, plainPage } from './login.ts'
import type { Form, Login, Refusal, Running, StubClient } from './provider.ts'

export interface Visit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  /** The query. */
  readonly form: Form
  /** What the person typed. */
  readonly typed: Form
}

export function answerAuthorize(running: Running, visit: Visit): void {
  const { clients, habits, knobs } = running
  const { response, form } = visit
  const redirectUri = form['redirect_uri'] ?? ''
  const client = clients.find(({ id }) => id === form['client_id'])
  // Nothing goes back to an address that the client has not registered.
  if (client === undefined) plainPage(response, 400, 'There is no such application.')
  else if (!isRegistered(client, redirectUri)) plainPage(response, 400, `${redirectUri} is not registered.`)
  else {
    const isCode = form['response_type'] === 'code'
    const refusal = knobs.refuse ?? (isCode ? habits.refuse(form, client) : habits.refusals.grant)
    if (refusal === undefined) signIn(running, visit, client)
    else goBack(running, visit, refusedWith(refusal))
  }
}

function signIn(running: Running, visit: Visit, client: StubClient): void {
  const { habits } = running
  const { request, response, form, url } = visit
  const isTyped = request.method === 'POST'
  const login = isTyped ? typedLogin(running, visit) : knownLogin(running, visit)
  if (login !== undefined) goBack(running, visit, { code: codeFor(running, { form, login, client }) })
  else if (form['prompt'] === 'none') goBack(running, visit, refusedWith(habits.refusals.login))
  else
    loginPage(response, { action: url, fields: habits.loginFields, hint: form['login_hint'], wrong: isTyped })
}

/** Whoever has signed in here before is not asked again, unless the client wants it so. */
function knownLogin({ habits, logins }: Running, { request, form }: Visit): Login | undefined {
  if (form['prompt'] === 'login' || form['max_age'] === '0') return undefined
  return logins.get(cookieOf(request, habits.sessionCookie) ?? '')
}

function typedLogin(
  { habits, people, knobs, logins }: Running,
  { response, typed }: Visit,
): Login | undefined {
  const { username, password } = habits.loginFields
  const person = people.find((each) => each.username === typed[username])
  if (person === undefined || person.password !== typed[password]) return undefined
  if (knobs.disabled.has(person.username)) return undefined
  const login = { person, at: Math.floor(Date.now() / 1000), sid: randomUUID() }
  const session = randomUUID()
  logins.set(session, login)
  response.setHeader('set-cookie', `${habits.sessionCookie}=${session}; Path=/; HttpOnly; SameSite=Lax`)
  return login
}

function codeFor(
  { codes }: Running,
  { form, login, client }: { readonly form: Form; readonly login: Login; readonly client: StubClient },
): string {
  const code = randomUUID()
  const scope = (form['scope'] ?? '').split(' ').filter(Boolean)
  const granted = { login, client, scope, nonce: form['nonce'] }
  codes.set(code, {
    granted,
    redirectUri: form['redirect_uri'] ?? '',
    challenge: form['code_challenge'],
    used: false,
  })
  return code
}

const refusedWith = ({ error, description }: Refusal) => ({ error, error_description: description })

function goBack({ knobs }: Running, { response, form }: Visit, found: Record<string, string>): void {
  const to = new URL(form['redirect_uri']!)
  const state = form['state'] === undefined ? {} : { state: form['state'] }
  for (const [name, value] of Object.entries(knobs.callback({ ...found, ...state })))
    to.searchParams.set(name, value)
  response.writeHead(302, { location: to.href }).end()
}

function isRegistered({ redirectUris }: StubClient, asked: string): boolean {
  if (!URL.canParse(asked)) return false
  const url = new URL(asked)
  if (url.hostname === '127.0.0.1' || url.hostname === 'localhost') url.port = ''
  return redirectUris.includes(url.href)
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  const found = (request.headers.cookie ?? '').split('; ').find((pair) => pair.startsWith(`${name}=`))
  return found?.slice(name.length + 1)
}
