import { createAuthorization } from './authorize/authorize.ts'
import { createConsentBook } from './authorize/consents.ts'
import { sendAnswer } from './browser/answer.ts'
import { createForms } from './browser/forms.ts'
import { createVisitors } from './browser/visitors.ts'
import { createClients } from './clients/clients.ts'
import { createFlows } from './login/flows.ts'
import { createLogins, type LoginWay } from './login/logins.ts'
import { createUpstream } from './login/openid.ts'
import { mountOpen, mountPages } from './routes.ts'
import type { SignInDeps, SignInDoor, SignInSlice } from './slice.ts'

/** The authorization server, put together. Nothing is fetched before somebody comes. */
export function createSignIn(slice: SignInSlice, deps: SignInDeps): SignInDoor {
  const { url, mode, login } = slice
  const { origin, protocol } = new URL(url)
  const terms = { secure: protocol === 'https:' }
  const visitors = createVisitors(terms, { ...deps, seal: deps.seal('visitors') })
  const forms = createForms({ ...deps, seal: deps.seal('forms'), visitors, origin })
  const flows = createFlows(terms, { ...deps, seal: deps.seal('logins') })
  const way = wayOf(slice, deps)
  const logins = createLogins(
    { ...slice, issuer: login.issuer, login },
    { ...deps, way, flows, visitors, links: deps.seal('login links') },
  )
  const pages = { url, origin, logins, forms, visitors, people: deps.people, log: deps.log }
  const askToSignIn: SignInDoor['askToSignIn'] = async (request, reply) => {
    sendAnswer(reply, await logins.ask(request, request.url))
  }
  if (mode === 'direct')
    return {
      visitors,
      forms,
      askToSignIn,
      mount: (app) => mountPages(app, { ...pages, authorization: undefined }),
      upkeep: () => Promise.resolve(),
    }
  const clients = createClients(slice, { ...deps, registrationSeal: deps.seal('client registrations') })
  const tokens = deps.tokens(clients.find)
  const authorization = createAuthorization(
    {
      ...slice,
      idpHost: way.kind === 'openid' ? new URL(login.issuer).host : undefined,
      lasts: { longest: slice.absolute, idle: slice.idle },
    },
    { ...deps, tokens, clients, visitors, logins, forms, consents: createConsentBook(deps) },
  )
  return {
    visitors,
    forms,
    askToSignIn,
    mount: async (app) => {
      await mountOpen(app, { slice, clients, tokens })
      await mountPages(app, { ...pages, authorization })
    },
    upkeep: tokens.upkeep,
  }
}

function wayOf({ url, login }: SignInSlice, deps: SignInDeps): LoginWay {
  const { client } = login
  if (client === undefined) return { kind: 'built-in', people: deps.people }
  const upstream = createUpstream({ ...login, client, redirect: `${url}/login/callback` }, deps)
  return { kind: 'openid', upstream }
}
