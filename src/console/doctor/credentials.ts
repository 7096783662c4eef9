import type { Canary, Heard } from '../../exchange/index.ts'
import type { CredentialSource, Downstream, InstallationSource } from '../../model/index.ts'
import { canaryKey, shownError } from './client.ts'
import type { Examination } from './examined.ts'
import { type Finding, finding, type Words } from './finding.ts'
import type { IdpKind } from './idp.ts'
import type { Step } from './step.ts'
import { tokenFault } from './token-faults.ts'

type TokenSource = Extract<CredentialSource, { kind: 'exchange' | 'client-credentials' }>

export interface CredentialTerms {
  readonly downstream: Downstream
  readonly source: TokenSource
  readonly needs: readonly string[]
  readonly idp: () => IdpKind
}

function wordsOf({ downstream, source }: CredentialTerms): Words {
  return {
    downstream: downstream.name,
    kind: source.kind,
    field: `downstreams.${downstream.name}.${source.kind}.client`,
    issuerField: `downstreams.${downstream.name}.${source.kind}.issuer`,
    client: source.client.id,
    audience: source.audience ?? source.resource ?? downstream.resource,
    scope: source.scope.length === 0 ? 'the scopes that were asked for' : source.scope.join(' '),
  }
}

/** Why a token that came would not be used. */
function unfit(member: string, terms: CredentialTerms): Finding {
  const words = wordsOf(terms)
  if (member === 'aud' && terms.idp() === 'okta') return finding('okta_audience_fixed', words)
  if (member === 'aud') return finding('answer_audience', words)
  if (member === 'scope') return finding('answer_scope', words)
  return finding('answer_other', { ...words, member })
}

/** What the token endpoint's answer to a credential's own request shows. */
function judge(
  heard: Heard,
  asked: 'exchange' | 'credentials',
  terms: CredentialTerms,
): Finding | 'passed' | undefined {
  const words = wordsOf(terms)
  if (heard.kind === 'failed') return finding('exchange_failed', words)
  if (heard.kind === 'token') return heard.unfit === undefined ? undefined : unfit(heard.unfit, terms)
  const meaning = tokenFault(terms.idp(), asked, heard)
  if (meaning === 'passed') return meaning
  return finding(meaning, { ...words, error: shownError(heard.error), status: heard.status })
}

/** Which token is exchanged in the trial, the best that there is. */
function canaryOf({ source }: CredentialTerms, { words, tools, learnt }: Examination): Canary | undefined {
  if (words.subject !== undefined) return tools.provider.personal(words.subject)
  // The other ways are for people's tokens alone.
  if (source.kind === 'exchange' && (source.flavour ?? 'token-exchange') !== 'token-exchange')
    return undefined
  return learnt.canaries.get(canaryKey(source.issuer, source.client))
}

/** What is wrong before anything is asked. */
function hopeless({ source, idp, ...terms }: CredentialTerms): Finding | undefined {
  const words = wordsOf({ source, idp, ...terms })
  if (idp() !== 'okta' || source.kind !== 'exchange') return undefined
  const { pathname } = new URL(source.issuer)
  if (!pathname.startsWith('/oauth2/')) return finding('okta_org_server', words)
  return source.refresh ? finding('okta_no_refresh', words) : undefined
}

/** Without a subject: how far the IdP goes before it says that the subject is none. */
async function withoutSubject(terms: CredentialTerms, { tools }: Examination): Promise<Finding> {
  const { downstream, source } = terms
  const heard = await tools.provider.exchange({ downstream, source, keep: false })
  const found = judge(heard, 'exchange', terms)
  const aboutSubject =
    typeof found === 'object' && /^(subject_refused|entra_assertion_refused)$/.test(found.code)
  const words = wordsOf(terms)
  if (found === undefined || found === 'passed' || aboutSubject)
    return finding(terms.idp() === 'keycloak' ? 'keycloak_no_canary' : 'exchange_without_person', words)
  return found
}

/** An exchange between two authorization servers of Okta needs one to trust the other. */
function untrusted(found: Finding, canary: Canary, terms: CredentialTerms): Finding {
  const foreign = canary.subject.claims.issuer !== terms.source.issuer
  if (terms.idp() !== 'okta' || !foreign || found.code !== 'subject_refused') return found
  return finding('okta_server_untrusted', wordsOf(terms))
}

async function exchanged(terms: CredentialTerms, at: Examination): Promise<Finding> {
  const { downstream, source } = terms
  const words = wordsOf(terms)
  const early = hopeless(terms)
  if (early !== undefined) return early
  const canary = canaryOf(terms, at)
  if (canary === undefined) return withoutSubject(terms, at)
  const { provider } = at.tools
  const refresh = source.kind === 'exchange' && source.refresh
  // A client's own token has no session that could be refreshed: only whether it may be asked for is seen.
  if (refresh && !canary.person) {
    const found = judge(
      await provider.exchange({ downstream, source, canary, keep: true }),
      'exchange',
      terms,
    )
    if (typeof found === 'object') return found
  }
  const heard = await provider.exchange({ downstream, source, canary, keep: refresh && canary.person })
  const found = judge(heard, 'exchange', terms)
  if (found === 'passed') return finding('exchange_without_person', words)
  if (found !== undefined) return untrusted(found, canary, terms)
  if (heard.kind === 'token') at.learnt.credentials.set(downstream.name, heard.token)
  return finding(refresh && !canary.person ? 'exchange_refresh_untried' : 'exchange_works', words)
}

async function obtained(
  terms: CredentialTerms,
  source: Extract<TokenSource, { kind: 'client-credentials' }>,
  { tools, learnt }: Examination,
): Promise<Finding> {
  const { downstream } = terms
  const words = wordsOf(terms)
  let heard = await tools.provider.clientCredentials(downstream, source)
  // It names more than this downstream, and is exchanged for one that does not.
  if (heard.kind === 'token' && heard.broad === true && heard.subject !== undefined) {
    const canary = { subject: heard.subject, person: false }
    heard = await tools.provider.exchange({ downstream, source, canary, keep: false })
  }
  const found = judge(heard, 'credentials', terms)
  if (found === 'passed') return finding('grant_refused', { ...words, error: 'an error of its own' })
  if (found !== undefined) return found
  if (heard.kind === 'token') learnt.credentials.set(downstream.name, heard.token)
  return finding('credentials_work', words)
}

/** The credential of a downstream that comes from an IdP, obtained as a call would. */
export function credentialStep(terms: CredentialTerms, at: Examination): Step {
  const { downstream, source, needs } = terms
  return {
    name: `the credential of ${downstream.name}`,
    needs,
    run: async () => [
      await (source.kind === 'exchange' ? exchanged(terms, at) : obtained(terms, source, at)),
    ],
  }
}

/** A token of an installation of a GitHub App, asked for as a call would. */
export function installationStep(
  { name }: Downstream,
  source: InstallationSource,
  { tools, learnt }: Examination,
): Step {
  const words: Words = { downstream: name, app: source.app, installation: source.installation }
  return {
    name: `the credential of ${name}`,
    needs: [],
    run: async () => {
      const heard = await tools.provider.installation(source)
      if (heard.kind === 'token') {
        learnt.credentials.set(name, heard.token)
        return [finding('credentials_work', words)]
      }
      if (heard.kind === 'failed') return [finding('github_unreachable', words)]
      const { status } = heard
      if (status === 401) return [finding('github_app_refused', words)]
      if (status === 404) return [finding('github_installation_unknown', words)]
      return [finding('github_grant_missing', { ...words, status })]
    },
  }
}
