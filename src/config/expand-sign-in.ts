import type { Expanded, ExpandedLogin } from './expanded.ts'
import { type Form, present } from './expanding.ts'
import type { WrittenConfig } from './schema/root.ts'
import { inSeconds } from './texts.ts'

/** The clients and the spans of sign-in, written out. */
export function expandSignIn(written: WrittenConfig): Pick<Expanded, 'clients' | 'sign_in'> {
  const { registration, catalog, access, idle, absolute, leeway } = written.sign_in ?? {}
  return {
    clients: Object.fromEntries(
      Object.entries(written.clients ?? {}).map(([name, it]) => [
        name,
        {
          ...present(it),
          redirects: it.redirects ?? [],
          grants: it.grants ?? ['authorization_code', 'refresh_token'],
        },
      ]),
    ),
    sign_in: {
      registration: registration ?? 'known',
      catalog: catalog ?? true,
      access: inSeconds(access ?? '1h'),
      idle: inSeconds(idle ?? '12h'),
      absolute: inSeconds(absolute ?? '7d'),
      leeway: inSeconds(leeway ?? '30s'),
    },
  }
}

/** Whether people sign in here: where there is a client of ours to send them on with, or a sign-in of our own. */
export function modeOf(
  login: Pick<ExpandedLogin, 'issuer' | 'client'>,
  url: string,
  form: Form,
): 'broker' | 'direct' {
  const { client } = login
  const confidential = client?.secret !== undefined || client?.key !== undefined
  return confidential || isBuiltIn(login, url, form) ? 'broker' : 'direct'
}

/** `dev` has a sign-in of its own at `{url}/dev`. */
export function isBuiltIn({ issuer }: Pick<ExpandedLogin, 'issuer'>, url: string, form: Form): boolean {
  return form === 'dev' && issuer === `${url}/dev`
}
