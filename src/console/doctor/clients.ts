import type { CredentialSource, OAuthClient } from '../../model/index.ts'
import { type ClientTerms, clientStep } from './client.ts'
import type { Examination } from './examined.ts'
import { type IdpKind, idpKind, type Metadata } from './idp.ts'
import { type Issuer, issuerStep } from './issuers.ts'
import type { Step } from './step.ts'

type TokenSource = Extract<CredentialSource, { kind: 'exchange' | 'client-credentials' }>

export const tokenSource = (source: CredentialSource): TokenSource | undefined =>
  source.kind === 'exchange' || source.kind === 'client-credentials' ? source : undefined

export const authenticationOf = ({ key, secret }: OAuthClient): Issuer['authentication'] =>
  key !== undefined ? 'private_key_jwt' : secret !== undefined ? 'client_secret_basic' : undefined

/** Where people come back to from a sign-in, and from linking an account. */
export const redirectOf = (url: string, from: 'login' | 'connect'): string => `${url}/${from}/callback`

/** What is learnt of issuers on the way, and which step tells it. */
export class Issuers {
  readonly steps: Step[] = []
  readonly #at: Examination
  readonly #known = new Map<string, { name: string; metadata: Metadata }>()

  constructor(at: Examination) {
    this.#at = at
  }

  /** The step that looks at this issuer, once for each. */
  add(issuer: Omit<Issuer, 'name'>): string {
    const present = this.#known.get(issuer.issuer)
    if (present !== undefined) return present.name
    const entry = { name: `the metadata of ${issuer.field}`, metadata: {} as Metadata }
    this.#known.set(issuer.issuer, entry)
    this.steps.push(
      issuerStep({ ...issuer, name: entry.name }, this.#at, (metadata) => void (entry.metadata = metadata)),
    )
    return entry.name
  }

  metadata(issuer: string): Metadata {
    return this.#known.get(issuer)?.metadata ?? {}
  }

  kind(issuer: string): IdpKind {
    return idpKind(this.metadata(issuer))
  }
}

type Registered = Pick<ClientTerms, 'issuer' | 'client' | 'field' | 'issuerField' | 'redirect' | 'scope'>

/** Every client of ours that the configuration names at a server which is found by discovery; the login's first. */
function registered({ config }: Examination): readonly Registered[] {
  const { login, downstreams, url } = config
  const found: Registered[] = []
  if (login.client !== undefined && !login.builtIn) {
    const { issuer, client, scope, mode } = login
    const redirect = mode === 'broker' ? redirectOf(url, 'login') : undefined
    found.push({ issuer, client, scope, redirect, field: 'login.client', issuerField: 'login.issuer' })
  }
  for (const { name, credential } of downstreams) {
    const below = `downstreams.${name}.${credential.kind === 'linked' ? 'oauth' : credential.kind}`
    const fields = { field: `${below}.client`, issuerField: `${below}.issuer` }
    const source = tokenSource(credential)
    if (source !== undefined)
      found.push({
        ...fields,
        issuer: source.issuer,
        client: source.client,
        redirect: undefined,
        scope: undefined,
      })
    // Where an ID-JAG is taken to.
    if (source?.kind === 'exchange' && source.at !== undefined) {
      const at = `${below}.at`
      const more = {
        redirect: undefined,
        scope: undefined,
        field: `${at}.client`,
        issuerField: `${at}.issuer`,
      }
      found.push({ ...source.at, ...more })
    }
    // What the catalogue knows has no metadata to go by.
    if (credential.kind !== 'linked' || credential.provider !== undefined) continue
    const { issuer, client, scope } = credential
    if (issuer !== undefined && client !== undefined)
      found.push({
        ...fields,
        issuer,
        client,
        scope: scope.length === 0 ? undefined : scope,
        redirect: redirectOf(url, 'connect'),
      })
  }
  return found
}

/** One step for each of our clients, by issuer and client id. */
export function clientSteps(issuers: Issuers, at: Examination): ReadonlyMap<string, Step> {
  const steps = new Map<string, Step>()
  for (const terms of registered(at)) {
    const { issuer, client, field, issuerField, redirect } = terms
    const key = `${issuer} ${client.id}`
    if (steps.has(key)) continue
    const metadata = issuers.add({
      issuer,
      field: issuerField,
      client: field,
      authentication: authenticationOf(client),
      endpoints: ['token_endpoint', ...(redirect === undefined ? [] : ['authorization_endpoint'])],
    })
    const name = `the client ${client.id} of ${field}`
    const learnt = { idp: () => issuers.kind(issuer), metadata: () => issuers.metadata(issuer) }
    steps.set(key, clientStep({ ...terms, ...learnt, name, needs: [metadata] }, at))
  }
  return steps
}
