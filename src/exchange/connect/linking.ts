import {
  type Connection,
  type Consent,
  type Downstream,
  linkedSourceOf,
  type Principal,
  SallyportError,
  type Seq,
  type Work,
} from '../../model/index.ts'
import type { Consents } from '../../storage/index.ts'
import { consentId } from '../consents.ts'
import type { CredentialCache } from '../credential-cache.ts'
import { registrationKey } from '../place.ts'
import { type Begun, type BeginDeps, beginLink, scopesToAsk } from './begin.ts'
import { type FinishDeps, type Finishing, finishLink } from './finish.ts'
import { type Person, scopesBesides } from './step-up.ts'

/** What a person is asked to agree to, in words for people. */
export interface Described {
  readonly title: string
  /** Where the person agrees, such as `github.com`. */
  readonly host: string
  /** As the provider calls them, with a plain sentence where the catalogue has one. */
  readonly scopes: readonly { readonly name: string; readonly says?: string }[]
}

/** A person's yes: this client, through this server, with this account. */
export interface Agreement {
  readonly principal: Principal
  readonly registration: string
  /** The name that policy knows the client by. */
  readonly client: string
  readonly server: string
  readonly connection: Connection
  readonly rev: Seq
}

/** Linking accounts in a browser: everything of it but the browser. */
export interface Linking {
  /** For a person, with what he will be asked for. @throws exchange_misconfigured, exchange_unavailable, address_refused */
  describe(downstream: Downstream, person?: Person): Promise<Described>
  /**
   * Whether it works only when it is linked anew: nobody honours it any more, or it is of another authorization server
   * or client of ours. @throws secrets_*, exchange_misconfigured, exchange_unavailable, address_refused
   */
  hasEnded(connection: Connection, downstream: Downstream): Promise<boolean>
  /** To be done only after the person has agreed. `state` is the caller's to bind to the browser. */
  begin(downstream: Downstream, state: string, person: Person): Promise<Begun>
  finish(finishing: Finishing): Promise<Connection>
  /** @throws cut, held, state_unavailable, record_unavailable */
  agree(agreement: Agreement): Promise<Consent>
}

export interface LinkingDeps extends BeginDeps, FinishDeps {
  readonly connections: FinishDeps['connections'] & BeginDeps['connections']
  readonly cache: Pick<CredentialCache, 'bar'>
  readonly consents: Pick<Consents, 'put'>
}

async function describe(
  downstream: Downstream,
  person: Person | undefined,
  deps: LinkingDeps,
): Promise<Described> {
  const source = linkedSourceOf(downstream)
  if (source === undefined) throw new SallyportError('exchange_unsupported_principal')
  const at = await deps.registrations.of(downstream)
  const metadata = await deps.servers.metadata(at)
  const { provider } = at.linked
  const sentences = provider?.scopes.sentences ?? standardSentences
  const besides = person === undefined ? [] : await scopesBesides(downstream, person, deps)
  const scopes = scopesToAsk({ source, at, metadata, besides }) ?? []
  return {
    title: provider?.title ?? downstream.name,
    host: new URL(metadata.authorization_endpoint ?? at.issuer).host,
    scopes: scopes.map((name) => {
      const says = sentences[name] ?? sentences[name.split('/').at(-1) ?? name]
      return { name, ...(says === undefined ? {} : { says }) }
    }),
  }
}

async function hasEnded({ place }: Connection, downstream: Downstream, deps: LinkingDeps): Promise<boolean> {
  const stored = await deps.secrets.read(place)
  if (stored?.grant === undefined) return true
  const { status, rt, exp, registration } = stored.grant
  const isOver = rt === undefined && exp !== undefined && exp <= deps.clock.now()
  if (status === 'reauth_required' || isOver) return true
  return registration !== registrationKey(await deps.registrations.of(downstream))
}

/** Those of OpenID Connect (Core §5.4, §11). */
const standardSentences: Readonly<Record<string, string>> = {
  openid: 'Know which account it is',
  profile: 'Know your name',
  email: 'Know your e-mail address',
  offline_access: 'Do this while you are away',
}

async function agree(agreement: Agreement, deps: LinkingDeps): Promise<Consent> {
  const { principal, registration, client, server, connection, rev } = agreement
  const { downstream } = connection.place
  const id = consentId({ principal, registration, server, downstream })
  const work: Work = {
    principal,
    client,
    sid: '',
    server,
    downstream,
    connection: connection.id,
    consent: id,
  }
  const barred = deps.gate.check(work, rev)
  if (barred !== undefined) throw new SallyportError(barred.reason)
  const consent: Consent = {
    id,
    principal,
    registration,
    client,
    server,
    downstream,
    connection: connection.id,
    scopes: connection.scopes ?? [],
    at: deps.clock.now(),
    rev,
  }
  await deps.audit.note({
    kind: 'consent',
    who: { principal, client, server },
    downstream,
    rev,
    result: 'done',
    details: { consent: id, connection: connection.id, registration, scopes: consent.scopes },
  })
  await deps.consents.put(consent)
  return consent
}

export function createLinking(deps: LinkingDeps): Linking {
  return {
    describe: (downstream, person) => describe(downstream, person, deps),
    hasEnded: (connection, downstream) => hasEnded(connection, downstream, deps),
    begin: async (downstream, state, person) => beginLink({ downstream, state, person }, deps),
    async finish(finishing) {
      const connection = await finishLink(finishing, deps)
      const { downstream, principal } = finishing
      deps.challenges.clear({ downstream, access: { session: { principal } } })
      // The same account, linked anew, may now do more than what is at hand of it.
      deps.cache.bar({ kind: 'connection', tenant: connection.place.tenant, connection: connection.id })
      return connection
    },
    agree: (agreement) => agree(agreement, deps),
  }
}
